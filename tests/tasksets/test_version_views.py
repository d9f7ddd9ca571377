"""Publishing on a page, and looking at versions."""

import pytest
from django.urls import reverse

from rftstudio.tasksets.actions import add_items, delete_items, save_item
from rftstudio.tasksets.compare import compare

pytestmark = pytest.mark.django_db


def test_publish(as_bob, bob, taskset):
    url = reverse("tasksets:publish", args=[taskset.pk])
    page = as_bob.get(url)
    assert page.context["draft"].dealt == 12
    assert not taskset.items.exclude(split="").exists()  # looking deals nothing out
    as_bob.post(url, {"note": "First\0 one"})
    version = taskset.versions.get()
    assert (version.number, version.note, version.published_by) == (1, "First one", bob)


def test_publish_refused_says_why_and_keeps_the_note(as_bob, taskset):
    taskset.items.filter(key="billing-0").update(reference_answer="urgent")
    answer = as_bob.post(reverse("tasksets:publish", args=[taskset.pk]), {"note": "My note"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Allowed: emergency, appointment, billing, prescription" in page
    assert "My note" in page
    assert "?problem=answer" in page
    assert not taskset.versions.exists()


def test_warnings_do_not_stop_it(as_bob, taskset):
    taskset.instructions = "Which desk?"
    taskset.save()
    page = as_bob.get(reverse("tasksets:publish", args=[taskset.pk])).content.decode()
    assert "The instructions never mention emergency" in page
    assert as_bob.post(reverse("tasksets:publish", args=[taskset.pk])).status_code == 302


def test_publishing_the_same_again_says_so(as_bob, published):
    answer = as_bob.post(reverse("tasksets:publish", args=[published.pk]), follow=True)
    assert "Nothing changed since version 1" in answer.content.decode()


def test_what_changed(published, alice):
    version = published.latest_version
    save_item(item=published.items.get(key="billing-0"), by=alice, fields={"message": "Other words"}, split="test")
    delete_items(taskset=published, items=published.items.filter(key="billing-1"), by=alice)
    add_items(
        taskset=published, by=alice, rows=[{"fields": {"message": "x"}, "reference_answer": "billing", "key": "n"}]
    )
    published.instructions = "New"
    published.save()
    found = compare(version, published)
    assert (found.n_added, found.n_removed, found.n_changed, found.total) == (1, 1, 1, 4)
    assert found.parts == ["the instructions"]
    assert found.changed[0].parts[0] == ("message", "Why was I charged twice?", "Other words")
    assert [line["key"] for line in (*found.added, *found.removed)] == ["n", "billing-1"]


def test_versions_and_one_version(as_vera, as_bob, published, alice):
    save_item(item=published.items.first(), by=alice, reference_answer="billing")
    as_bob.post(reverse("tasksets:publish", args=[published.pk]), {"note": "Corrected"})
    listing = as_vera.get(reverse("tasksets:versions", args=[published.pk])).content.decode()
    assert "Corrected" in listing
    page = as_vera.get(reverse("tasksets:version", args=[published.pk, 2])).content.decode()
    assert published.latest_version.content_hash in page
    assert "<del>emergency</del> → <ins>billing</ins>" in page


def test_no_versions_yet(as_bob, taskset):
    assert "Nothing published yet" in as_bob.get(reverse("tasksets:versions", args=[taskset.pk])).content.decode()


def test_versions_are_frozen_rows(as_alice, published):
    url = reverse("tasksets:version", args=[published.pk, 1])
    for verb in (as_alice.post, as_alice.put, as_alice.delete, as_alice.patch):
        assert verb(url).status_code == 405


@pytest.mark.parametrize(("name", "methods", "viewer"), [("publish", "GET POST", 403), ("versions", "GET", 200)])
def test_guards(guarded, published, name, methods, viewer):
    missing = reverse(f"tasksets:{name}", args=[99999])
    guarded(reverse(f"tasksets:{name}", args=[published.pk]), methods=methods, viewer=viewer, missing=missing)


def test_version_guards(guarded, published):
    missing = reverse("tasksets:version", args=[published.pk, 9])
    guarded(reverse("tasksets:version", args=[published.pk, 1]), methods="GET", viewer=200, missing=missing)
