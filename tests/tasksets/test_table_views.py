"""The table of items: filters in the address, counts, bulk changes, undo."""

import pytest
from django.urls import reverse

from rftstudio.tasksets.actions import add_items, propose_splits, save_item
from rftstudio.tasksets.models import TaskItem

pytestmark = pytest.mark.django_db


@pytest.fixture
def url(taskset):
    return reverse("tasksets:detail", args=[taskset.pk])


@pytest.fixture
def mixed(taskset, alice, bob):
    save_item(item=taskset.items.get(key="billing-0"), by=alice, tags="odd, short", split="test", notes="See Rita")
    save_item(item=taskset.items.get(key="billing-1"), by=alice, tags="odd")
    add_items(taskset=taskset, by=bob, rows=[{"fields": {"message": "ÜBER 100%"}}])
    return taskset


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("q=charged+twice", {"billing-0"}),
        ("q=RITA", {"billing-0"}),
        ("q=über", {"new"}),
        ("q=100%25", {"new"}),
        ("q=_", set()),
        ("q=%00", "all"),
        ("tag=odd", {"billing-0", "billing-1"}),
        ("tag=od", set()),
        ("split=test", {"billing-0"}),
        ("split=none&tag=odd", {"billing-1"}),
        ("problem=any", {"new"}),
        ("problem=unanswered", {"new"}),
        ("problem=answer", set()),
        ("author=abc", "all"),
        ("tag=%00&split=%00&problem=%00&author=%00", "all"),
    ],
)
def test_filters(as_vera, mixed, url, query, keys):
    page = as_vera.get(f"{url}?{query}")
    new = TaskItem.objects.latest("pk").key
    found = {row.item.key for row in page.context["rows"]}
    everything = set(mixed.items.values_list("key", flat=True))
    assert found == (everything if keys == "all" else {new if key == "new" else key for key in keys})


def test_a_filter_stays_chosen_and_goes_along(as_bob, mixed, url):
    page = as_bob.get(f"{url}?q=charged&split=test&tag=odd&order=new").content.decode()
    assert 'name="q" value="charged"' in page
    assert '<input type="hidden" name="split" value="test">' in page
    assert '<option value="odd" selected>' in page
    assert '<option value="new" selected>' in page
    item = mixed.items.get(key="billing-0")
    query = "?q=charged&amp;split=test&amp;tag=odd&amp;order=new"
    assert f'href="/items/{item.pk}/{query}"' in page
    assert f'action="{reverse("tasksets:bulk", args=[mixed.pk])}{query}"' in page
    page = as_bob.get(f"/items/{item.pk}/?q=charged&split=test").content.decode()
    assert f'href="{url}?q=charged&amp;split=test"' in page


def test_author_filter_and_order(as_vera, mixed, url, bob):
    rows = as_vera.get(f"{url}?author={bob.pk}").context["rows"]
    assert [row.item.author for row in rows] == [bob]
    assert as_vera.get(f"{url}?order=new").context["rows"][0].item.author == bob


def test_counts(as_vera, mixed, url):
    facets = as_vera.get(url).context["facets"]
    assert (facets.total, facets.splits["test"], facets.splits[""], facets.wrong) == (13, 1, 12, 1)
    assert facets.tag_counts == [("odd", 2), ("short", 1)]


def test_pages(as_vera, taskset, url, alice):
    rows = [{"fields": {"message": f"m{n}"}, "reference_answer": "billing"} for n in range(60)]
    add_items(taskset=taskset, by=alice, rows=rows)
    assert len(as_vera.get(url).context["rows"]) == 50
    assert len(as_vera.get(f"{url}?page=2").context["rows"]) == 22
    assert len(as_vera.get(f"{url}?page=99").context["rows"]) == 22
    assert as_vera.get(f"{url}?page=x").status_code == 200


def test_htmx_gets_the_table_alone(as_vera, taskset, url):
    page = as_vera.get(f"{url}?q=charged", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert "Why was I charged twice?" in page


def test_nothing_found_and_nothing_there(as_bob, taskset, url):
    assert "Nothing found" in as_bob.get(f"{url}?q=zzz").content.decode()
    taskset.items.all().delete()
    assert "No items yet" in as_bob.get(url).content.decode()


def test_texts_are_shown_as_text(as_vera, taskset, url, alice):
    add_items(taskset=taskset, by=alice, rows=[{"fields": {"message": "<script>alert(1)</script>"}, "tags": ["<i>"]}])
    page = as_vera.get(url).content.decode()
    assert "<script>alert" not in page
    assert "<i>" not in page


def test_a_viewer_gets_no_buttons(as_vera, taskset, url):
    page = as_vera.get(url).content.decode()
    assert 'name="item"' not in page
    assert "cell-open" not in page


def test_bulk_split(as_bob, taskset, url):
    pks = list(taskset.items.values_list("pk", flat=True)[:3])
    bulk = reverse("tasksets:bulk", args=[taskset.pk])
    as_bob.post(bulk, {"item": pks, "do": "split", "split": "test"})
    assert taskset.items.filter(split="test").count() == 3
    as_bob.post(bulk, {"item": pks, "do": "split", "split": "everything"})
    assert taskset.items.filter(split="test").count() == 3


def test_bulk_means_the_filter_when_all_is_ticked(as_bob, taskset):
    bulk = reverse("tasksets:bulk", args=[taskset.pk]) + "?q=billing"
    answer = as_bob.post(bulk, {"all": "1", "do": "delete"}, follow=True)
    assert "Deleted 3 items." in answer.content.decode()
    assert taskset.items.live().count() == 9


def test_bulk_reaches_only_its_own_items(as_bob, taskset, workspace, alice):
    from tests.factories import make_taskset

    other = make_taskset(workspace=workspace, by=alice, name="Other")
    as_bob.post(
        reverse("tasksets:bulk", args=[taskset.pk]),
        {"item": [*other.items.values_list("pk", flat=True), "x", "9" * 30], "do": "delete"},
    )
    assert other.items.live().count() == 12


def test_dealing_out(as_bob, taskset):
    as_bob.post(reverse("tasksets:bulk", args=[taskset.pk]), {"do": "deal"})
    assert not taskset.items.filter(split="").exists()


def test_deleted_items_can_be_seen_and_restored(as_bob, taskset, url):
    bulk = reverse("tasksets:bulk", args=[taskset.pk])
    as_bob.post(bulk, {"all": "1", "do": "delete"})
    rows = as_bob.get(f"{url}?show=deleted").context["rows"]
    assert len(rows) == 12
    as_bob.post(f"{bulk}?show=deleted", {"item": [rows[0].item.pk], "do": "restore"})
    assert taskset.items.live().count() == 1


@pytest.mark.parametrize("at", ["", "yesterday", "2020-01-01T00:00:00+00:00", "2020-13-45T00:00:00"])
def test_an_undo_of_nothing_does_nothing(as_bob, taskset, at):
    answer = as_bob.post(reverse("tasksets:undo", args=[taskset.pk]), {"at": at}, follow=True)
    assert "nothing left to restore" in answer.content.decode()


def test_version_bar_counts_changes(as_bob, taskset, url, alice):
    from rftstudio.tasksets.actions import publish_version

    assert "Not published yet" in as_bob.get(url).content.decode()
    publish_version(taskset=taskset, by=alice)
    assert as_bob.get(url).context["changes"] == 0
    save_item(item=taskset.items.first(), by=alice, tags="new")
    taskset.items.filter(key="billing-1").update(deleted_at="2020-01-01T00:00Z")
    add_items(taskset=taskset, by=alice, rows=[{"fields": {"message": "x"}, "reference_answer": "billing"}])
    assert as_bob.get(url).context["changes"] == 3
    propose_splits(taskset=taskset)
    assert as_bob.get(url).context["changes"] == 3
    taskset.instructions = "Otherwise."
    taskset.save()
    assert "4 changes since" in as_bob.get(url).content.decode()


def test_queries_do_not_grow_with_the_items(as_vera, taskset, url, alice, django_assert_max_num_queries):
    rows = [{"fields": {"message": f"m{n}"}, "reference_answer": "billing"} for n in range(60)]
    add_items(taskset=taskset, by=alice, rows=rows)
    with django_assert_max_num_queries(30):
        as_vera.get(url)


@pytest.mark.parametrize(
    ("name", "methods", "viewer"), [("detail", "GET", 200), ("bulk", "POST", 403), ("undo", "POST", 403)]
)
def test_guards(guarded, taskset, name, methods, viewer):
    missing = reverse(f"tasksets:{name}", args=[99999])
    guarded(reverse(f"tasksets:{name}", args=[taskset.pk]), methods=methods, viewer=viewer, missing=missing)
