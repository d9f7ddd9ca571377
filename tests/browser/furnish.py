"""Fills a studio's workspace so that every page has something to show: people, a grader of each kind, empty rooms.

    DATA_DIR=… python -m tests.browser.furnish

Runs in a process of its own, with the studio's settings, through the same actions as the pages.
"""

import json
import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "rftstudio.settings"
django.setup()

from rftstudio.accounts.actions import invite  # noqa: E402
from rftstudio.accounts.models import Membership, Role, User, Workspace  # noqa: E402
from rftstudio.graders.actions import create_grader  # noqa: E402
from rftstudio.graders.judges.actions import add_embedded, create_judge  # noqa: E402
from rftstudio.graders.lists.actions import receive_list, save_upload  # noqa: E402
from rftstudio.graders.named import named_judges  # noqa: E402
from rftstudio.graders.secrets.actions import add_secret  # noqa: E402
from rftstudio.tasksets.actions import add_items, create_taskset  # noqa: E402
from tests.graders.specs import PLAIN  # noqa: E402

FIELDS = ("message", "risk", "synonyms", "findings")
ROWS = (
    ("Crushing pain in my chest.", "high", "urgent", "chest pain"),
    ("A new receipt, please.", "low", "not urgent", "none"),
)


def furnish() -> dict[str, str]:
    """Returns addresses that no page leads to."""
    workspace = Workspace.objects.get()
    owner = workspace.memberships.get().user
    vera = User.objects.create_user(username="vera@example.org", email="vera@example.org", first_name="Vera")
    Membership.objects.create(workspace=workspace, user=vera, role=Role.VIEWER)
    invitation = invite(workspace=workspace, by=owner, role=Role.AUTHOR, email="bob@example.org")
    fields = [{"name": name, "label": name.title(), "help": ""} for name in FIELDS]
    base = {"instructions": "Answer shortly.", "input_fields": fields, "prompt_template": "", "worked_examples": []}
    kinds = create_taskset(
        workspace=workspace, by=owner, name="Every way to mark", answer_type="text", answer_options={}, **base
    )
    rows = [{"fields": dict(zip(FIELDS, row, strict=True)), "reference_answer": "emergency"} for row in ROWS]
    add_items(taskset=kinds, by=owner, rows=rows)
    for name in dict.fromkeys(name for spec in PLAIN.values() for _, name in named_judges(spec)):
        address = "https://judge.example.org/v1"
        create_judge(workspace=workspace, by=owner, name=name, base_url=address, model="m", key="sk-of-nobody")
    add_embedded(workspace=workspace, by=owner)
    add_secret(workspace=workspace, by=owner, name="OURS", origin="https://grader.example.org", value="of nobody")
    diagnoses = None
    for code in ("I21.9", "I21"):
        chunks = [f"label,other names\nmyocardial infarction,MI|{code}\nmigraine,MI\n,lonely\n".encode()]
        given = {"workspace": workspace, "by": owner, "name": "Diagnoses", "file_name": "list.csv", "chunks": chunks}
        diagnoses = save_upload(upload=receive_list(**given, word_list=diagnoses), by=owner).word_list
    receive_list(**{**given, "name": "Drugs"})
    for kind, spec in PLAIN.items():
        create_grader(taskset=kinds, by=owner, name=f"By {kind}", spec=spec)
    schema = {"type": "object", "properties": {"code": {"type": "string"}}}
    for answer_type, options in (("number", {"unit": "mg"}), ("set", {}), ("json", {"schema": schema})):
        create_taskset(
            workspace=workspace, by=owner, name=f"Empty {answer_type}", answer_type=answer_type,
            answer_options=options, **base,
        )  # fmt: skip
    return {"invitation": f"/invitations/{invitation.token}/", "kinds": f"/tasksets/{kinds.pk}/"}


if __name__ == "__main__":
    print(json.dumps(furnish()))
