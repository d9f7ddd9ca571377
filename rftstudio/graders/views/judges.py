"""A workspace's judges: which there are and who uses them, setting one up, asking one a question."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from rftstudio.accounts.access import Action, fetch, may
from rftstudio.accounts.models import Workspace
from rftstudio.accounts.request import Request
from rftstudio.engine.errors import SpecError
from rftstudio.graders.judges import actions
from rftstudio.graders.judges.form import JudgeForm
from rftstudio.graders.models import JudgeEndpoint
from rftstudio.graders.used_by import Uses

JUDGES = JudgeEndpoint.objects.select_related("workspace")


@require_safe
def list_page(request: Request, slug: str) -> HttpResponse:
    """Every judge with the graders that ask it. Keys are not shown to anybody."""
    return _list(request, fetch(request, Workspace.objects.all(), slug=slug))


@sensitive_post_parameters("key")
@require_http_methods(["GET", "POST"])
def create(request: Request, slug: str) -> HttpResponse:
    workspace = fetch(request, Workspace.objects.all(), Action.MANAGE, slug=slug)
    form = JudgeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            judge = actions.create_judge(workspace=workspace, by=request.user, **form.cleaned_data)
        except SpecError as error:
            form.add_error(error.path or None, f"{error.message} {error.fix}")
        else:
            messages.success(request, f"The judge “{judge}” is set up. Ask it something to see whether it answers.")
            return redirect("graders:judges", slug)
    return _form(request, workspace, form, None)


@sensitive_post_parameters("key")
@require_http_methods(["GET", "POST"])
def change(request: Request, pk: int) -> HttpResponse:
    judge = fetch(request, JUDGES, Action.MANAGE, pk=pk)
    initial = {name: getattr(judge, name) for name in JudgeForm.base_fields if hasattr(judge, name)}
    form = JudgeForm(request.POST or None, judge=judge, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            actions.change_judge(judge=judge, **form.cleaned_data)
        except SpecError as error:
            form.add_error(error.path or None, f"{error.message} {error.fix}")
        else:
            messages.success(request, f"The judge “{judge}” is changed.")
            return redirect("graders:judges", judge.workspace.slug)
    return _form(request, judge.workspace, form, judge)


@require_POST
def add_embedded(request: Request, slug: str) -> HttpResponse:
    """The studio's own small model."""
    workspace = fetch(request, Workspace.objects.all(), Action.MANAGE, slug=slug)
    judge = actions.add_embedded(workspace=workspace, by=request.user)
    messages.success(request, f"The judge “{judge}” is there. It is weak: for trying things out, not for results.")
    return redirect("graders:judges", slug)


@require_POST
def archive(request: Request, pk: int) -> HttpResponse:
    """Archive, or with `restore` bring back."""
    judge = fetch(request, JUDGES, Action.MANAGE, pk=pk)
    if "restore" in request.POST:
        actions.restore_judge(judge=judge)
        messages.success(request, f"“{judge}” can be asked again.")
    else:
        actions.archive_judge(judge=judge)
        messages.success(request, f"“{judge}” is archived. Graders that name it need another judge before a training.")
    return redirect("graders:judges", judge.workspace.slug)


@require_POST
def ask(request: Request, pk: int) -> HttpResponse:
    """One question; what it said is shown with the time and the tokens. Costs what a call costs."""
    judge = fetch(request, JUDGES, Action.EDIT, pk=pk)
    if judge.archived_at is not None:
        messages.error(request, f"“{judge}” is archived. Restore it first.")
        return redirect("graders:judges", judge.workspace.slug)
    reply = actions.ask_judge(judge=judge, question=request.POST.get("question", ""))
    if request.htmx:
        return render(request, "graders/judges/list.html#reply", {"judge": judge, "reply": reply})
    return _list(request, judge.workspace, asked=judge.pk, reply=reply)


def _list(request: Request, workspace: Workspace, **more: Any) -> HttpResponse:
    archived = request.GET.get("show") == "archived"
    uses = Uses(workspace)
    judges = workspace.judges.filter(archived_at__isnull=not archived)
    context = _context(request, workspace) | {
        "rows": [{"judge": judge, "used_by": uses.of_judge(judge.name)} for judge in judges],
        "archived": archived,
        "n_archived": workspace.judges.exclude(archived_at=None).count(),
        "has_embedded": workspace.judges.active().filter(embedded=True).exists(),
        "may_ask": may(request, workspace, Action.EDIT),
        **more,
    }
    return render(request, "graders/judges/list.html", context)


def _form(request: Request, workspace: Workspace, form: JudgeForm, judge: JudgeEndpoint | None) -> HttpResponse:
    context = _context(request, workspace) | {"form": form, "judge": judge}
    return render(request, "graders/judges/form.html", context, status=422 if form.errors else 200)


def _context(request: Request, workspace: Workspace) -> dict[str, Any]:
    return {"workspace": workspace, "may_manage": may(request, workspace, Action.MANAGE), "place": "judges"}
