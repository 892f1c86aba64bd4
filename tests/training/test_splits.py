import pytest

from focusbench.errors import InputError
from focusbench.training.splits import Image, leaks, split

FIELDS = [f"f{number:03d}" for number in range(40)]
LEVELS = range(11)


@pytest.mark.parametrize("by", ["image", "field"])
def test_every_image_is_in_one_part(by):
    parts = split(FIELDS, LEVELS, 0, by)
    together = [image for part in parts for image in part]
    assert sorted(together) == [Image(field, level) for field in FIELDS for level in LEVELS]


def test_by_field_nothing_leaks():
    parts = split(FIELDS, LEVELS, 0, "field")
    assert [len(part) for part in parts] == [30 * 11, 6 * 11, 4 * 11]
    seen = [{image.field for image in part} for part in parts]
    assert len(seen[0] | seen[1] | seen[2]) == sum(len(names) for names in seen) == 40
    assert leaks(parts) == 0


def test_by_image_it_leaks():
    """All of the paper's test images: that a field is at no other level is 0.25^10."""
    parts = split(FIELDS, LEVELS, 0, "image")
    assert [len(part) for part in parts] == [330, 66, 44]
    assert leaks(parts) == 44


def test_leaks_are_counted_by_hand():
    train, test = [Image("a", 0), Image("b", 3)], [Image("a", 1), Image("c", 0), Image("b", 2)]
    assert leaks(type(split(FIELDS, LEVELS, 0))(tuple(train), (), tuple(test))) == 2


def test_the_papers_numbers():
    """Of 4191 images 3143 and 62,860 patches; the printed 62,865 is 0.75 of all patches."""
    parts = split([str(number) for number in range(381)], LEVELS, 0, "image")
    assert [len(part) for part in parts] == [3143, 629, 419]
    assert 20 * len(parts.train) == 62_860
    assert 20 * 381 * 11 * 0.75 == 62_865


@pytest.mark.parametrize("by", ["image", "field"])
def test_follows_from_the_seed_and_the_names_alone(by):
    one = split(FIELDS, LEVELS, 0, by)
    assert split(FIELDS, LEVELS, 0, by) == one
    assert split(FIELDS, LEVELS, 1, by) != one
    turned = split(FIELDS[::-1], LEVELS, 0, by)
    assert [sorted(part) for part in turned] == [sorted(part) for part in one]


@pytest.mark.parametrize("count", range(3, 12))
def test_few_fields_fill_all_parts(count):
    parts = split(FIELDS[:count], LEVELS, 0)
    assert min(len(part) for part in parts) >= 11
    assert len(parts.train) >= max(len(parts.validation), len(parts.test))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], LEVELS, 0), r"fields \[\]; one or more distinct"),
        ((["a", "a"], LEVELS, 0), "fields .*distinct"),
        ((["a"], [1, 1], 0), "levels .*distinct"),
        ((["a"], LEVELS, 0, "patch"), "split by 'patch'; accepted: image, field"),
        ((["a"], LEVELS, 0, "field", (0.5, 0.2, 0.2)), "sum to 1"),
        ((["a"], LEVELS, 0, "field", (1.0, 0.0, 0.0)), "numbers above 0"),
    ],
)
def test_bad_splits(arguments, message):
    with pytest.raises(InputError, match=message):
        split(*arguments)
