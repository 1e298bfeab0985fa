from datetime import date

import pytest

from app.membership import Group

USER = {
    "id": "ana",
    "role": ["editor", "analyst"],
    "level": 3,
    "active": True,
    "rate": 1.0,
    "since": "2024-02-01",
    "team": {"name": "sales", "head": {"id": "bo"}},
    "https://claims.example/role": "admin",
    "nothing": None,
    "empty": [],
}


@pytest.mark.parametrize(
    "group",
    [
        {},
        {"id": ("ana",)},
        {"id": ("bo", "ana")},
        {"role": ("analyst",)},
        {"role": ("admin", "editor")},
        {"role": ("editor",), "level": (3,)},
        {"level": ("3",)},
        {"level": (3.0,)},
        {"rate": (1,)},
        {"active": (True,)},
        {"active": ("True",)},
        {"active": (1,)},
        {"since": (date(2024, 2, 1),)},
        {"team.name": ("sales",)},
        {"team.head.id": ("bo",)},
        {"https://claims.example/role": ("admin",)},
    ],
    ids=str,
)
def test_a_user_with_one_value_of_each_key_belongs(group):
    assert Group(group).includes(USER)


@pytest.mark.parametrize(
    "group",
    [
        {"id": ("Ana",)},
        {"id": ("an",)},
        {"role": ("admin",)},
        {"role": ("editor",), "level": (4,)},
        {"level": (True,)},
        {"level": ("03",)},
        {"active": (False,)},
        {"missing": ("x",)},
        {"missing": (False,)},
        {"nothing": ("None",)},
        {"empty": ("",)},
        {"team": ("sales",)},
        {"team.name.first": ("sales",)},
        {"team.head": ("bo",)},
        {"id.x": ("ana",)},
        {"team.": ("sales",)},
    ],
    ids=str,
)
def test_a_user_without_them_does_not(group):
    assert not Group(group).includes(USER)


def test_values_that_may_be_someones_are_not_told():
    group = Group({"role": ("a", "b"), "email": ("x@example.org",)})
    assert group.shown == "role: a or b and email: x@example.org"
    assert group.told == "role: a or b and another email"
