"""WhatsApp's id of a message, in the forms of WAHA's engines."""

import pytest

from trio_wa.core.waha_id import RAW_ID, raw_id


@pytest.mark.parametrize(
    "written",
    [
        "3EB0FF12D68F449AC45CCF",
        "true_79991112233@c.us_3EB0FF12D68F449AC45CCF",
        "false_100000000000001@lid_3EB0FF12D68F449AC45CCF",
        "true_120363020000000000@g.us_3EB0FF12D68F449AC45CCF_79991112233@c.us",
    ],
)
def test_every_form_is_reduced_to_the_raw_id(written: str) -> None:
    assert raw_id(written) == "3EB0FF12D68F449AC45CCF"


@pytest.mark.parametrize("odd", ["", "a_b", "a_b_c", "_", "true", "true_x"])
def test_what_has_no_such_form_stays_as_it_is(odd: str) -> None:
    assert raw_id(odd) == odd


@pytest.mark.parametrize(
    ("text", "fits"), [("3EB0", True), ("x" * 128, True), ("x" * 129, False), ("a b", False)]
)
def test_a_raw_id_is_short_and_has_no_blanks(text: str, fits: bool) -> None:
    assert bool(RAW_ID.fullmatch(text)) == fits
