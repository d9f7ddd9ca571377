"""A grader's published versions, what changed between two of them, and publishing the saved draft."""

import json

from django.contrib import messages
from django.db.models import Manager
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.graders import actions
from rftstudio.graders.diff import changes_between
from rftstudio.graders.diff_words import sentences
from rftstudio.graders.models import GraderVersion
from rftstudio.graders.proof import NotProven
from rftstudio.graders.views.builder import GRADERS, warn_of_references
from rftstudio.graders.views.check import stopped
from rftstudio.graders.words import describe


@require_POST
def publish(request: Request, pk: int) -> HttpResponse:
    """Publish the draft as it is saved."""
    grader = fetch(request, GRADERS, Action.EDIT, pk=pk)
    try:
        note, anyway = request.POST.get("note", ""), "anyway" in request.POST
        version = actions.publish_tested(grader=grader, by=request.user, note=note, anyway=anyway)
    except NotProven as error:
        return stopped(request, error)
    except SpecError as error:
        messages.error(request, f"Not published. {error}")
        return redirect("graders:builder", pk)
    messages.success(request, f"Version {version.number} of “{grader.name}” is published.")
    warn_of_references(request, grader)
    return redirect("graders:version", pk, version.number)


@require_safe
def version_list(request: Request, pk: int) -> HttpResponse:
    grader = fetch(request, GRADERS, pk=pk)
    versions = list(grader.versions.select_related("published_by").order_by("-number"))
    context = {
        "workspace": grader.taskset.workspace,
        "taskset": grader.taskset,
        "spine_step": "grader",
        "grader": grader,
        "rows": [{"version": version, "words": describe(version.spec)} for version in versions],
        "changes": changes_between(versions[0].spec, grader.pinned_spec) if versions else [],
        "sentences": sentences(versions[0].spec, grader.pinned_spec) if versions else [],
        "may_edit": may(request, grader.taskset.workspace, Action.EDIT),
    }
    return render(request, "graders/versions.html", context)


@require_safe
def version(request: Request, pk: int, number: int) -> HttpResponse:
    """One version, and what it changed; `against` names another version to compare with."""
    grader = fetch(request, GRADERS, pk=pk)
    found = _version(grader.versions, number)
    against = request.GET.get("against", str(number - 1))
    before = _version(grader.versions, int(against)) if against.isdigit() and 0 < int(against) < 10**9 else None
    context = {
        "workspace": grader.taskset.workspace,
        "taskset": grader.taskset,
        "spine_step": "grader",
        "grader": grader,
        "version": found,
        "before": before,
        "numbers": grader.versions.exclude(number=number).order_by("-number").values_list("number", flat=True),
        "changes": changes_between(before.spec, found.spec) if before else [],
        "sentences": sentences(before.spec, found.spec) if before else [],
        "words": describe(found.spec),
        "spec_json": json.dumps(found.spec, ensure_ascii=False, indent=2),
    }
    return render(request, "graders/version.html", context)


def _version(versions: Manager[GraderVersion], number: int) -> GraderVersion:
    found = versions.filter(number=number).select_related("published_by").first()
    if found is None:
        raise Http404(f"There is no version {number}.")
    return found
