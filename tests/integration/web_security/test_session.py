"""Set-up, sign in and out, as a browser does them."""

import re
from typing import Final

import httpx

from falconeye.accounts.attempts import FREE_PER_ADDRESS
from falconeye.accounts.model import Role
from falconeye.accounts.password_rule import MAX_LENGTH
from falconeye.accounts.users import Rights
from falconeye.base.secret import Secret
from falconeye.web.security.credentials import SESSION_COOKIE
from tests.integration.web_security.site import PASSWORD, Site, csrf_in, csrf_token

WHO = "/api/test/who"
LONG: Final = "".join(f"{number} words in a row, " for number in range(MAX_LENGTH))[:MAX_LENGTH]


async def test_before_the_first_user_every_page_explains_the_set_up(site: Site) -> None:
    answer = await site.client.get("/login")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/setup"
    page = await site.client.get("/setup")
    assert page.status_code == 200
    assert "falconeye setup-link" in page.text
    assert "<form" not in page.text


async def test_the_set_up_link_makes_the_first_account_and_signs_in(site: Site) -> None:
    link = await site.accounts.make_setup_link(site.base)
    path = link.removeprefix(site.base)
    for _ in range(2):  # looking at it does not use it up
        page = await site.client.get(path)
        assert page.status_code == 200
        assert 'name="password"' in page.text
    short = await site.client.post(path, data={"name": "anna", "password": "short"})
    assert short.status_code == 422
    assert "at least 10 characters" in short.text
    done = await site.client.post(path, data={"name": "anna", "password": PASSWORD})
    assert (done.status_code, done.headers["location"]) == (303, "/")
    assert (await site.client.get(WHO)).json() == {"name": "anna", "node": "test-node"}
    other = site.new_client()
    async with other:
        used = await other.post(path, data={"name": "eve", "password": PASSWORD})
        assert used.status_code == 404
        assert (await other.get(path)).headers["location"] == "/login"
    assert [user.name for user in site.accounts.users.list()] == ["anna"]


async def test_every_password_that_can_be_chosen_can_be_typed(site: Site) -> None:
    """A browser cuts off what is pasted at `maxlength`, and says nothing."""
    link = await site.accounts.make_setup_link(site.base)
    longest = re.compile(rf'<input id="password"[^>]* maxlength="{MAX_LENGTH}"')
    assert longest.search((await site.client.get(link)).text)
    await site.accounts.users.add("anna", Secret(LONG), Rights(Role.ADMIN))
    assert longest.search((await site.client.get("/login")).text)
    answer = await site.client.post("/login", data={"name": "anna", "password": LONG})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_a_wrong_set_up_link_says_where_the_right_one_is(site: Site) -> None:
    page = await site.client.get("/setup/wrong")
    assert page.status_code == 404
    assert "falconeye setup-link" in page.text
    posted = await site.client.post("/setup/wrong", data={"name": "eve", "password": PASSWORD})
    assert posted.status_code == 404
    assert not await site.accounts.has_users()


async def test_guessing_a_set_up_link_is_told_to_wait_and_others_go_on(site: Site) -> None:
    link = await site.accounts.make_setup_link(site.base)
    path = link.removeprefix(site.base)
    form = {"name": "eve", "password": PASSWORD}
    async with site.new_client(
        transport=httpx.AsyncHTTPTransport(local_address="127.0.0.9")
    ) as guessing:
        assert (await guessing.get(path)).status_code == 200  # a right one counts for nothing
        for number in range(FREE_PER_ADDRESS):
            wrong = f"/setup/wrong-{number}"
            posted = guessing.post(wrong, data=form) if number % 2 else guessing.get(wrong)
            assert (await posted).status_code == 404
        for answer in (
            await guessing.get("/setup/wrong"),
            await guessing.post("/setup/wrong", data=form),
            await guessing.post(path, data=form),
        ):
            assert answer.status_code == 429
            assert int(answer.headers["retry-after"]) >= 1
    assert not await site.accounts.has_users()
    done = await site.client.post(path, data={"name": "anna", "password": PASSWORD})
    assert (done.status_code, done.headers["location"]) == (303, "/")


async def test_where_nobody_may_administer_the_page_says_so_and_a_link_makes_an_admin(
    site: Site,
) -> None:
    """Two nodes removed each other's last admin, or there never was one."""
    await site.add_user("anna", Role.VIEWER)
    page = await site.client.get("/login")
    assert "Nobody may administer this recorder any more" in page.text
    assert "falconeye setup-link" in page.text
    link = await site.accounts.make_setup_link(str(site.client.base_url))
    path = "/setup/" + link.rpartition("/")[2]
    taken = await site.client.post(path, data={"name": "Anna", "password": PASSWORD})
    assert taken.status_code == 422
    assert "already a user named" in taken.text
    done = await site.client.post(path, data={"name": "eve", "password": PASSWORD})
    assert (done.status_code, done.headers["location"]) == (303, "/")
    async with site.new_client() as other:
        assert "Nobody may administer" not in (await other.get("/login")).text
        assert (await other.get(path)).headers["location"] == "/login"


async def test_sign_in_leads_back_and_the_cookie_is_protected(site: Site) -> None:
    await site.add_user("anna", Role.VIEWER)
    page = await site.client.get("/login", params={"next": "/recordings?camera=1"})
    assert 'value="/recordings?camera=1"' in page.text
    answer = await site.client.post(
        "/login", data={"name": "anna", "password": PASSWORD, "next": "/recordings?camera=1"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/recordings?camera=1")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{SESSION_COOKIE}=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    again = await site.client.get("/login", params={"next": "/about"})
    assert (again.status_code, again.headers["location"]) == (303, "/about")


async def test_sign_in_leads_nowhere_else(site: Site) -> None:
    await site.add_user("anna", Role.VIEWER)
    for wanted in ("//evil.example", "https://evil.example/", "/\\evil.example", "/a\r\nX-Evil: 1"):
        data = {"name": "anna", "password": PASSWORD, "next": wanted}
        answer = await site.client.post("/login", data=data)
        assert answer.headers["location"] == "/"
        assert "x-evil" not in answer.headers
        again = await site.client.get("/login", params={"next": wanted})
        assert again.headers["location"] == "/"


async def test_each_sign_in_is_a_new_session_and_ends_the_one_before(site: Site) -> None:
    await site.add_user("anna", Role.VIEWER)
    site.client.cookies.set(SESSION_COOKIE, "chosen-by-an-attacker")
    answer = await site.client.post("/login", data={"name": "anna", "password": PASSWORD})
    first = answer.cookies[SESSION_COOKIE]
    assert first != "chosen-by-an-attacker"
    async with site.new_client(cookies={SESSION_COOKIE: first}) as browser:
        answer = await browser.post("/login", data={"name": "anna", "password": PASSWORD})
        second = answer.cookies[SESSION_COOKIE]
    assert second != first
    async with site.new_client() as old:
        for cookie in ("chosen-by-an-attacker", first):
            header = {"cookie": f"{SESSION_COOKIE}={cookie}"}
            assert (await old.get(WHO, headers=header)).status_code == 401


async def test_a_wrong_name_and_a_wrong_password_read_the_same(site: Site) -> None:
    await site.add_user("anna", Role.VIEWER)
    wrong = await site.client.post("/login", data={"name": "anna", "password": "wrong password"})
    unknown = await site.client.post("/login", data={"name": "otto", "password": "wrong password"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace("anna", "otto") == unknown.text
    assert "set-cookie" not in wrong.headers
    assert "wrong password&#34;" not in wrong.text
    assert 'value="wrong password' not in wrong.text


async def test_guessing_is_slowed_down_in_words(site: Site) -> None:
    await site.add_user("anna", Role.VIEWER)
    answers = [
        await site.client.post("/login", data={"name": "anna", "password": f"wrong {number}"})
        for number in range(6)
    ]
    slowed = next(answer for answer in answers if answer.status_code == 429)
    seconds = int(slowed.headers["retry-after"])
    assert seconds >= 1
    assert f"Wait {seconds} second" in slowed.text


async def test_a_form_with_holes_is_a_wrong_login(site: Site) -> None:
    await site.add_user("anna", Role.VIEWER)
    forms: list[dict[str, str]] = [{}, {"name": "anna"}, {"password": "x"}, {"name": "a" * 5000}]
    for data in forms:
        assert (await site.client.post("/login", data=data)).status_code == 401


async def test_a_file_instead_of_a_name_is_a_wrong_login(site: Site) -> None:
    await site.add_user("anna", Role.VIEWER)
    answer = await site.client.post("/login", files={"name": ("x", b"anna"), "password": b"x"})
    assert answer.status_code == 401


async def test_sign_out_needs_the_page_and_ends_the_session(site: Site) -> None:
    await site.add_user("anna", Role.VIEWER)
    token = await site.sign_in(site.client, "anna")
    cookie = site.client.cookies[SESSION_COOKIE]
    assert (await site.client.get("/logout")).status_code == 405
    assert (await site.client.post("/logout")).status_code == 403
    answer = await site.client.post("/logout", data={"_csrf": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    async with site.new_client(cookies={SESSION_COOKIE: cookie}) as old:
        assert (await old.get(WHO)).status_code == 401


async def test_a_page_carries_a_token_that_its_forms_can_use(site: Site) -> None:
    await site.add_user("anna", Role.VIEWER)
    await site.sign_in(site.client, "anna")
    page = await site.client.get("/nowhere", headers={"accept": "text/html"})
    token = csrf_in(page.text)
    assert token != csrf_token(site.client)  # never the same twice
    assert (await site.client.post("/logout", data={"_csrf": token})).status_code == 303


async def test_who_signs_in_and_out_stands_in_the_audit_log(site: Site) -> None:
    await site.add_user("anna", Role.VIEWER)
    await site.client.post("/login", data={"name": "anna", "password": "wrong password"})
    token = await site.sign_in(site.client, "anna")
    await site.client.post("/logout", data={"_csrf": token})
    entries, _ = await site.accounts.audit.list()
    assert [entry.action for entry in entries][:3] == ["logout", "login", "login.refused"]
    assert [entry.who_kind for entry in entries][:3] == ["user", "user", "nobody"]
    assert {entry.address for entry in entries[:3]} == {"127.0.0.1"}
    assert "wrong password" not in str(entries)


async def test_nobody_is_led_to_the_login_page(site: Site) -> None:
    await site.add_user("anna", Role.VIEWER)
    answer: httpx.Response = await site.client.post("/test/form", data={"word": "x"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    asked = await site.client.get("/schema?x=1")
    assert asked.headers["location"] == "/login?next=%2Fschema%3Fx%3D1"
    part = await site.client.get(
        "/schema", headers={"hx-request": "true", "hx-current-url": f"{site.base}/about"}
    )
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/login?next=%2Fabout")
