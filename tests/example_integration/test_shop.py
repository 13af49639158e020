"""The shop's tests: a trio-wa and a simulated WAHA of its own for each."""

import pytest
import shop
import trio

ORDER = shop.Order("A-17", "+44 7700 900001", "£12.00")


async def test_checkout_sends_a_receipt(trio_wa, waha):
    await shop.checkout(ORDER, notify_url=trio_wa.url)
    message = await waha.wait_for(to=ORDER.phone)
    assert "Thank you" in message.text


async def test_an_order_that_is_taken_twice_makes_one_receipt(trio_wa, waha):
    first = await shop.checkout(ORDER, notify_url=trio_wa.url)
    assert await shop.checkout(ORDER, notify_url=trio_wa.url) == first
    await trio_wa.settled()
    assert len(waha.sent) == 1


async def test_a_wrong_number_is_told_at_once(trio_wa):
    with pytest.raises(shop.NotAccepted, match="not a phone number"):
        await shop.checkout(shop.Order("A-18", "nobody", "£1.00"), notify_url=trio_wa.url)


async def test_a_receipt_outlives_an_hour_without_whatsapp(trio_wa, waha, autojump_clock):
    await waha.down()
    await shop.checkout(ORDER, notify_url=trio_wa.url)
    await trio.sleep(3600)  # takes no time
    await waha.up()
    await waha.wait_for(to=ORDER.phone)


async def test_a_receipt_outlives_a_crash(trio_wa, waha):
    waha.sessions["default"] = "SCAN_QR_CODE"
    await shop.checkout(ORDER, notify_url=trio_wa.url)
    second = shop.Order("A-18", ORDER.phone, "£3.50")
    await shop.checkout(second, notify_url=trio_wa.url)
    await trio_wa.crash()
    waha.sessions["default"] = "WORKING"
    await trio_wa.restart()
    await waha.wait_for(to=ORDER.phone, text="A-18")


@pytest.mark.trio_wa(queue_capacity=1)
async def test_the_shop_waits_for_a_full_queue(trio_wa, waha, autojump_clock):
    await waha.down()
    await trio_wa.send(ORDER.phone, "the only place")
    with pytest.raises(shop.NotAccepted, match="queue_full"):
        await shop.checkout(ORDER, notify_url=trio_wa.url)


@pytest.mark.parametrize(
    ("phone", "status"),
    [
        ("+44 7700 900000", "sent"),
        ("+44 7700 900400", "sent"),  # delivered, then cut, and found by a look-up
        ("+44 7700 900900", "failed"),
    ],
)
async def test_the_fates_of_magic_numbers(phone, status, trio_wa):
    receipt = await shop.checkout(shop.Order("A-19", phone, "£5.00"), notify_url=trio_wa.url)
    await trio_wa.settled()
    answer = await trio_wa.client.get(f"/messages/{receipt}")
    assert answer.json()["status"] == status


def test_a_shop_that_is_not_on_trio(trio_wa_sync, waha_sync):
    shop.checkout_sync(ORDER, notify_url=trio_wa_sync.url)
    assert "Thank you" in waha_sync.wait_for(to=ORDER.phone).text
