import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.store import Store, object_version

from .fakes import listing, pod

KEY = ("ns", "web-0")


def parse(raw: JsonObject, previous: str | None) -> str:
    return str(raw["metadata"]["labels"].get("v", ""))


class Watched:
    """A store of the label `v`, indexed by it, and all that its listeners were told."""

    def __init__(self) -> None:
        self.store: Store[str] = Store(parse, index=lambda value: value or None)
        self.told: list[tuple[str, str | None, str | None]] = []
        self.store.subscribe(lambda key, old, new: self.told.append((key[1], old, new)))


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def store(watched: Watched) -> Store[str]:
    return watched.store


def test_what_is_new_changed_and_gone_is_told(watched: Watched, store: Store[str]) -> None:
    assert store.apply(pod("web-0", 1, v="a"))
    assert store.apply(pod("web-0", 2, v="b"))
    assert store.remove(pod("web-0", 3, v="b"))
    assert watched.told == [("web-0", None, "a"), ("web-0", "a", "b"), ("web-0", "b", None)]
    assert len(store) == 0


def test_a_change_that_the_parser_leaves_out_wakes_nobody(watched: Watched, store: Store[str]) -> None:
    store.apply(pod("web-0", 1, v="a"))
    assert store.apply(pod("web-0", 2, v="a", other="x"))
    assert len(watched.told) == 1


@pytest.mark.parametrize("version", [4, 5])
def test_older_or_equal_versions_are_no_news(store: Store[str], version: int) -> None:
    store.apply(pod("web-0", 5, v="new"))
    assert not store.apply(pod("web-0", version, v="old"))
    assert store.get(KEY) == "new"


def test_versions_are_numbers_not_text(store: Store[str]) -> None:
    store.apply(pod("web-0", 9, v="old"))
    assert store.apply(pod("web-0", 10, v="new"))


def test_a_late_event_does_not_bring_a_deleted_object_back(store: Store[str]) -> None:
    store.apply(pod("web-0", 1, v="a"))
    store.remove(pod("web-0", 7))
    assert not store.apply(pod("web-0", 6, v="late"))
    assert KEY not in store


def test_the_answer_to_a_write_that_lost_the_race_with_the_deletion_is_no_news(store: Store[str]) -> None:
    store.remove(pod("web-0", 7))
    assert not store.apply(pod("web-0", 5, v="answer"))


def test_an_object_that_matches_the_selector_again_comes_back(store: Store[str]) -> None:
    """A watch says DELETED when an object loses the label that is watched for, and ADDED when it has it again."""
    store.apply(pod("web-0", 1, v="a"))
    store.remove(pod("web-0", 5))
    assert store.apply(pod("web-0", 6, v="b"))


def test_gone_for_good_is_for_good(store: Store[str]) -> None:
    store.apply(pod("web-0", 1, v="a"))
    assert store.remove_key(KEY, "uid-web-0")
    assert not store.apply(pod("web-0", 99, v="ghost"))


def test_a_successor_of_the_same_name_is_another_object(watched: Watched, store: Store[str]) -> None:
    store.apply(pod("web-0", 1, v="a"))
    assert store.apply(pod("web-0", 9, uid="second", v="b"))
    assert store.uid(KEY) == "second"
    assert not store.remove(pod("web-0", 8))  # the first one's late DELETED
    assert not store.apply(pod("web-0", 10, v="ghost of the first"))
    assert store.get(KEY) == "b"
    assert watched.told == [("web-0", None, "a"), ("web-0", "a", "b")]


def test_the_parser_gets_the_previous_value_of_the_same_object_only() -> None:
    seen: list[str | None] = []

    def note(raw: JsonObject, previous: str | None) -> str:
        seen.append(previous)
        return str(object_version(raw))

    store = Store(note)
    store.apply(pod("web-0", 1))
    store.apply(pod("web-0", 2))
    store.apply(pod("web-0", 2))
    store.apply(pod("web-0", 3, uid="second"))
    assert seen == [None, "1", None]


def test_a_list_tells_only_differences(watched: Watched, store: Store[str]) -> None:
    for name in ("same", "changed", "gone"):
        store.apply(pod(name, 1, v="a"))
    watched.told.clear()
    store.replace(listing(10, pod("same", 1, v="a"), pod("changed", 5, v="b"), pod("new", 6, v="c")))
    assert sorted(watched.told, key=str) == [("changed", "a", "b"), ("gone", "a", None), ("new", None, "c")]


def test_what_was_written_after_the_list_survives_it(store: Store[str]) -> None:
    store.apply(pod("ours", 11, v="a"))
    store.replace(listing(10))
    assert store.get(("ns", "ours")) == "a"
    store.replace(listing(11))
    assert len(store) == 0


def test_a_list_from_before_a_deletion_does_not_bring_the_object_back(store: Store[str]) -> None:
    store.apply(pod("web-0", 1, v="a"))
    store.remove_key(KEY, "uid-web-0")
    store.replace(listing(10, pod("web-0", 1, v="a")))
    assert len(store) == 0


def test_a_list_of_one_namespace_leaves_the_others_alone(store: Store[str]) -> None:
    store.apply(pod("web-0", 1, namespace="other", v="a"))
    store.apply(pod("web-0", 1, v="a", uid="here"))
    store.replace(listing(10), "ns")
    assert list(store) == [("other", "web-0")]


def test_after_a_restored_backup_the_list_alone_counts(store: Store[str]) -> None:
    store.apply(pod("kept", 900, v="a"))
    store.apply(pod("lost", 901, v="a"))
    store.apply(pod("deleted later", 902, v="a"))
    store.remove(pod("deleted later", 903))
    store.replace(listing(50, pod("kept", 40, v="old"), pod("deleted later", 41, v="back")), rewound=True)
    assert dict(store.items()) == {("ns", "kept"): "old", ("ns", "deleted later"): "back"}
    assert store.apply(pod("kept", 51, v="next"))


def test_an_index_follows(store: Store[str]) -> None:
    store.apply(pod("web-0", 1, v="a"))
    store.apply(pod("web-1", 2, v="a"))
    store.apply(pod("web-2", 3))
    assert store.by_index("a") == ("a", "a")
    store.apply(pod("web-0", 4, v="b"))
    store.remove(pod("web-1", 5))
    assert store.by_index("a") == ()
    assert store.by_index("b") == ("b",)
    assert store.by_index("") == ()


def test_an_object_that_cannot_be_read_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    def picky(raw: JsonObject, previous: str | None) -> str:
        if raw["metadata"]["labels"].get("v") == "bad":
            raise ValueError("written by a newer version")
        return parse(raw, previous)

    store = Store(picky)
    store.apply(pod("web-0", 1, v="a"))
    store.replace(listing(9, pod("web-0", 5, v="bad"), pod("web-1", 6, v="bad"), pod("web-2", 7, v="c")))
    assert dict(store.items()) == {KEY: "a", ("ns", "web-2"): "c"}
    assert store.unreadable == {KEY, ("ns", "web-1")}
    assert len(caplog.records) == 2
    store.apply(pod("web-0", 5, v="bad"))
    assert len(caplog.records) == 2  # once a version
    store.apply(pod("web-0", 8, v="d"))
    store.replace(listing(20, pod("web-0", 8, v="d")))
    assert store.unreadable == frozenset()
    assert dict(store.items()) == {KEY: "d"}


NAMES = ["a", "b", "c"]


@given(st.data())
def test_whatever_the_order_the_newest_state_wins(data: st.DataObject) -> None:
    """A history of creations, changes and deletions is delivered shuffled and doubled; the end is its end."""
    history: list[tuple[str, JsonObject]] = []
    end: dict[str, str] = {}
    lives = dict.fromkeys(NAMES, 0)
    for version, name in enumerate(data.draw(st.lists(st.sampled_from(NAMES), max_size=12)), start=1):
        raw = pod(name, version, uid=f"{name}{lives[name]}", v=str(version))
        if name in end and data.draw(st.booleans()):
            del end[name]
            lives[name] += 1
            history.append(("remove", raw))
        else:
            end[name] = str(version)
            history.append(("apply", raw))
    store = Store(parse, index=lambda value: value)
    for action, raw in data.draw(st.permutations(history * 2)):
        getattr(store, action)(raw)
    assert {key[1]: value for key, value in store.items()} == end
    assert all(store.by_index(value) == (value,) for value in end.values())
