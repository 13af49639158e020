"""What the fixtures give to a test."""

import pytest


async def test_checkout_sends_a_receipt(trio_wa, waha):
    await trio_wa.send("+62 812-3456-7890", "Thank you for your order")
    message = await waha.wait_for(to="6281234567890")
    assert "Thank you" in message.text


@pytest.mark.waha(proxy_503=1)
async def test_an_hour_of_retries_passes_in_no_time(trio_wa, waha, autojump_clock):
    await trio_wa.send("6281234567890", "Hello")
    with pytest.raises(AssertionError, match=r"no message to 6281234567890@c\.us within 3600 s"):
        await waha.wait_for(to="6281234567890")
    waha.clear_faults()
    await waha.wait_for(to="6281234567890")
