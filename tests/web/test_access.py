"""Who may do what."""

from __future__ import annotations

import html
import io
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from earmark.errors import ServerError
from earmark.library import open_library
from earmark.web.access import RateLimit
from earmark.web.config import Config, is_loopback

TOKEN = "a-secret-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
NETWORK = {"local": False, "token": TOKEN}
RELABEL = {"genre": "polka"}


def track_id(client, **options):
    return client.get("/api/v1/tracks?per_page=1", **options).json["tracks"][0]["id"]


def secret_of(client, path="/"):
    """Return what our pages carry for the changes they send."""
    return re.search(r'name="csrf-token" content="([^"]+)"', client.get(path).text)[1]


# Names


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "127.8.8.8"])
def test_a_loopback_server_answers_to_loopback_names(client, host):
    assert client.get("/api/v1/library", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.168.1.2", "a@b"])
def test_a_loopback_server_answers_to_no_other_name(client, host):
    # A name of another site that points here is how its pages would get in (DNS rebinding).
    for path in ("/", "/api/v1/tracks", "/metrics"):
        assert client.get(path, headers={"Host": host}).status_code == 421


@pytest.mark.slow
def test_a_server_answers_only_to_the_names_it_was_given(make_app):
    client = make_app(**NETWORK, allowed_hosts=("music.example",)).test_client()
    assert client.get("/", headers={"Host": "music.example"}).status_code == 200
    assert client.get("/", headers={"Host": "other.example"}).status_code == 421
    # Whoever watches over it does not know its name.
    for path in ("/api/v1/health", "/api/v1/ready"):
        assert client.get(path, headers={"Host": "10.0.0.7:5000"}).status_code == 200


# Other sites


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:81"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/api/v1/jobs", "/api/v1/classify", "/sign-in", "/"])
def test_pages_of_other_sites_cannot_send_anything(client, path, headers):
    answer = client.post(path, headers=headers, data={"file": (io.BytesIO(b"x"), "x.mp3")})
    assert answer.status_code == 403


def test_no_other_site_may_read(client):
    answer = client.get("/api/v1/tracks", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_browser_needs_the_secret_of_the_page(client):
    browser = {"Origin": "http://localhost"}
    path = f"/api/v1/tracks/{track_id(client)}"
    assert client.patch(path, json=RELABEL, headers=browser).status_code == 403
    secret = secret_of(client)
    wrong = {**browser, "X-CSRF-Token": secret[::-1] + "x"}
    assert client.patch(path, json=RELABEL, headers=wrong).status_code == 403
    right = {**browser, "X-CSRF-Token": secret}
    assert client.patch(path, json=RELABEL, headers=right).status_code == 200


def test_the_secret_of_one_browser_does_not_help_another(app):
    mine, yours = app.test_client(), app.test_client()
    secret_of(yours)
    headers = {"Origin": "http://localhost", "X-CSRF-Token": secret_of(mine)}
    path = f"/api/v1/tracks/{track_id(mine)}"
    assert yours.patch(path, json=RELABEL, headers=headers).status_code == 403


def test_forms_carry_the_secret_too(client):
    path = f"/library/tracks/{track_id(client)}/genre"
    browser = {"Origin": "http://localhost"}
    assert client.post(path, data=RELABEL, headers=browser).status_code == 403
    data = {**RELABEL, "csrf_token": secret_of(client)}
    assert client.post(path, data=data, headers=browser).status_code == 302


def test_the_cookie_is_kept_from_scripts_and_other_sites(app):
    client = app.test_client()
    cookie = client.get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie
    client = app.test_client()
    assert "Secure" in client.get("/", base_url="https://localhost").headers["Set-Cookie"]


# The token


def test_on_a_network_reading_is_open_and_changes_need_the_token(make_app):
    client = make_app(**NETWORK).test_client()
    path = f"/api/v1/tracks/{track_id(client)}"
    assert client.patch(path, json=RELABEL).status_code == 401
    assert client.delete(path).status_code == 401
    assert client.post("/api/v1/corrections/1/undo").status_code == 401
    wrong = {"Authorization": "Bearer not-the-token"}
    assert client.patch(path, json=RELABEL, headers=wrong).status_code == 401
    assert client.patch(path, json=RELABEL, headers=BEARER).status_code == 200
    assert client.patch(path, json=RELABEL).headers["WWW-Authenticate"].startswith("Bearer")


def test_on_a_network_without_a_token_nothing_can_be_changed(make_app):
    client = make_app(local=False).test_client()
    path = f"/api/v1/tracks/{track_id(client)}"
    assert client.patch(path, json=RELABEL).status_code == 403
    assert client.patch(path, json=RELABEL, headers=BEARER).status_code == 403


def test_where_reading_is_closed_all_but_health_needs_the_token(make_app):
    app = make_app(**NETWORK, read="closed")
    client = app.test_client()
    for path in ("/api/v1/tracks", "/api/v1/map", "/api/v1/openapi.json", "/metrics"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers=BEARER).status_code == 200
    assert client.post("/predict").status_code == 401
    for path in ("/api/v1/health", "/api/v1/ready", "/sign-in"):
        assert client.get(path).status_code == 200
    for path in ("/", "/library", "/map", "/report", "/corrections", "/api/v1/docs"):
        answer = client.get(path)
        assert answer.status_code == 302
        assert "/sign-in?next=" in answer.headers["Location"]


@pytest.mark.slow
def test_where_reading_is_closed_strangers_learn_nothing_of_the_library(make_app):
    client = make_app(**NETWORK, read="closed").test_client()
    for path, host in (("/sign-in", "earmark.example"), ("/sign-in", "other.example")):
        page = client.get(path, headers={"Host": host}).text
        for word in ("melody", "small", "27 tracks"):
            assert word not in page
    assert "melody" in make_app(**NETWORK).test_client().get("/sign-in").text


def test_every_route_is_closed_unless_it_is_said_to_be_public(make_app):
    app = make_app(**NETWORK, read="closed")
    client = app.test_client()
    allowed = {"static", "system.health", "system.ready", "pages.sign_in", "pages.check_token"}
    allowed |= {"subsonic.extensions", "texts.of_scripts"}
    # They hold nothing of the library: a browser asks for them without a cookie.
    allowed |= {
        f"installation.{name}" for name in ("manifest", "favicon", "away", "service_worker")
    }
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "1", rule.rule)
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            answer = client.open(path, method=method)
            status = answer.status_code
            if rule.endpoint.startswith("subsonic.") and rule.endpoint != "subsonic.extensions":
                # The protocol's own way to refuse.
                assert (status, b'code="10"' in answer.data) == (200, True), path
                continue
            assert (status in (302, 401)) == (rule.endpoint not in allowed), (method, path, status)


def test_everything_that_changes_the_library_needs_the_token(make_app):
    app = make_app(**NETWORK)
    client = app.test_client()
    changes = {
        ("POST", "/api/v1/tracks"),
        ("PATCH", "/api/v1/tracks/1"),
        ("DELETE", "/api/v1/tracks/1"),
        ("POST", "/api/v1/corrections"),
        ("POST", "/api/v1/corrections/1/undo"),
        ("POST", "/corrections"),
        ("POST", "/corrections/1/undo"),
        ("POST", "/corrections/undo"),
        ("POST", "/library/tracks"),
        ("POST", "/library/tracks/1/genre"),
        ("POST", "/library/tracks/1/remove"),
        ("POST", "/label"),
        ("POST", "/libraries"),
        ("POST", "/libraries/1/remove"),
        ("POST", "/libraries/removed/1/put-back"),
        ("POST", "/libraries/removed/1/delete"),
        ("POST", "/corrections/undo-all"),
        ("POST", "/api/v1/corrections/undo-all"),
        ("DELETE", "/api/v1/libraries/1"),
        ("POST", "/api/v1/libraries/removed/1/put-back"),
        ("DELETE", "/api/v1/libraries/removed/1"),
        ("POST", "/libraries/build/cancel"),
        ("POST", "/libraries/1/choose"),
        ("POST", "/api/v1/libraries"),
        ("DELETE", "/api/v1/libraries/build"),
        ("POST", "/api/v1/libraries/1/choose"),
        ("POST", "/api/v1/tags/plan"),  # which tells what lies in the folder of music
    }
    harmless = {
        ("POST", "/"),
        ("POST", "/predict"),
        ("POST", "/sign-in"),
        ("POST", "/sign-out"),
        ("POST", "/api/v1/classify"),
        ("POST", "/api/v1/classify/path"),
        ("POST", "/api/v1/similar"),
        ("POST", "/api/v1/jobs"),
        ("POST", "/api/v1/jobs/path"),
        ("DELETE", "/api/v1/jobs/1"),
    }
    for name in ("getOpenSubsonicExtensions", "ping", "getSonicSimilarTracks", "findSonicPath"):
        harmless |= {("POST", f"/rest/{name}"), ("POST", f"/rest/{name}.view")}
    found = {
        (method, re.sub(r"<[^>]*>", "1", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS", "GET"}
    }
    # A new route has to be put into one of the two.
    assert found == changes | harmless
    for method, path in changes:
        assert client.open(path, method=method).status_code == 401, path


def test_signing_in_opens_the_pages_and_lasts_until_signing_out(make_app):
    client = make_app(**NETWORK, read="closed").test_client()
    page = client.get("/sign-in?next=/library").text
    secret = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
    form = {"csrf_token": secret, "next": "/library"}
    assert client.post("/sign-in", data={**form, "token": "wrong-token"}).status_code == 401
    answer = client.post("/sign-in", data={**form, "token": TOKEN})
    assert answer.headers["Location"] == "/library"
    assert client.get("/library").status_code == 200
    secret = secret_of(client)
    changed = client.patch(
        f"/api/v1/tracks/{track_id(client)}", json=RELABEL, headers={"X-CSRF-Token": secret}
    )
    assert changed.status_code == 200
    client.post("/sign-out", data={"csrf_token": secret})
    assert client.get("/library").status_code == 302


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_signing_in_never_leads_to_another_site(make_app, target):
    client = make_app(**NETWORK).test_client()
    data = {"token": TOKEN, "next": target, "csrf_token": secret_of(client)}
    assert client.post("/sign-in", data=data).headers["Location"] == "/"


@pytest.mark.slow
def test_a_session_of_another_token_is_worth_nothing(make_app):
    first = make_app(**NETWORK, secret="the same for both").test_client()
    data = {"token": TOKEN, "csrf_token": secret_of(first)}
    first.post("/sign-in", data=data)
    name = cookie_name(first.application.test_client())
    cookie = first.get_cookie(name).value
    other = make_app(local=False, token="another-token", secret="the same for both").test_client()
    assert cookie_name(other) == name
    other.set_cookie(name, cookie)
    assert other.patch("/api/v1/tracks/1", json=RELABEL).status_code == 401


# The cookie's name


def cookie_name(client, **options):
    """Return the name of the cookie that a page sets."""
    return client.get("/", **options).headers["Set-Cookie"].partition("=")[0]


@pytest.mark.slow
def test_servers_on_other_ports_do_not_take_each_others_cookies(make_app):
    # A browser sends its cookies to all ports of a host.
    one, two = make_app(), make_app()
    secrets, browser = {}, one.test_client()
    jar = {}
    for app, port in ((one, 5000), (two, 5001), (one, 5000), (two, 5001)):
        headers = {"Host": f"127.0.0.1:{port}", "Cookie": "; ".join(jar.values())}
        answer = app.test_client(use_cookies=False).get("/", headers=headers)
        for cookie in answer.headers.getlist("Set-Cookie"):
            jar[cookie.partition("=")[0]] = cookie.partition(";")[0]
        secret = re.search(r'name="csrf-token" content="([^"]+)"', answer.text)[1]
        assert secrets.setdefault(port, secret) == secret
    assert len(jar) == 2
    assert browser.get("/", headers={"Host": "[::1]:5000"}).status_code == 200


@pytest.mark.slow
def test_all_processes_of_a_server_know_the_same_cookie(make_app):
    options = {**NETWORK, "secret": "the same for both"}
    one, two = (make_app(**options).test_client() for _ in range(2))
    data = {"token": TOKEN, "csrf_token": secret_of(one)}
    one.post("/sign-in", data=data)
    name = cookie_name(two.application.test_client())
    two.set_cookie(name, one.get_cookie(name).value)
    headers = {"X-CSRF-Token": secret_of(two)}
    path = f"/api/v1/tracks/{track_id(two)}"
    assert two.patch(path, json=RELABEL, headers=headers).status_code == 200


@pytest.mark.slow
def test_servers_with_other_secrets_libraries_or_prefixes_have_other_cookies(make_app, tmp_path):
    other = tmp_path / "other.earmark"
    for variants in ({}, {"secret": "one"}, {"secret": "two"}, {"prefix": "/ear"}):
        app = make_app(**variants)
        with open_library(app.extensions["earmark"].library.file) as library:
            library.copy(other, overwrite=True)
        names = {cookie_name(make_app(**v).test_client()) for v in (variants, variants)}
        assert len(names) == 1
        assert cookie_name(make_app(**variants, library=str(other)).test_client()) not in names
    each = ({}, {"secret": "one"}, {"secret": "two"}, {"prefix": "/ear"})
    assert len({cookie_name(make_app(**variants).test_client()) for variants in each}) == 4


@pytest.mark.parametrize(
    "host", ["localhost:x", "localhost:99999999", "[::1", "a@b:1", ":", "\xff"]
)
def test_a_host_that_makes_no_sense_is_refused(client, host):
    assert client.get("/", headers={"Host": host}).status_code in (200, 400, 421)


# Below a path

BEHIND = {**NETWORK, "prefix": "/ear", "proxies": 1}
# Both kinds of proxies: one cuts the prefix off, one passes it on.
PATHS = ["", "/ear"]


@pytest.mark.parametrize("cut", PATHS)
def test_signing_in_below_a_prefix_leads_back_to_the_page(make_app, cut):
    client = make_app(**BEHIND).test_client()
    page = client.get(f"{cut}/library?genre=hum&search=a%20b%26c").text
    link = html.unescape(re.search(r'href="([^"]+)">Sign in to teach', page)[1])
    assert link.startswith("/ear/sign-in?next=")
    form = client.get(link.removeprefix("/ear") if not cut else link).text
    hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    data = {**{name: html.unescape(value) for name, value in hidden.items()}, "token": TOKEN}
    answer = client.post(f"{cut}/sign-in", data=data)
    assert answer.headers["Location"] == "/ear/library?genre=hum&search=a%20b%26c"
    page = client.get(f"{cut}/").text
    assert "Sign in to teach" not in page


def test_signing_in_leads_only_to_what_can_be_asked_for(make_app):
    client = make_app(**BEHIND).test_client()
    answers = [client.get("/sign-in?next=/ear/map"), client.post("/library/tracks/1/genre")]
    for answer in answers:
        link = html.unescape(re.search(r'href="([^"]+)">Sign in to teach', answer.text)[1])
        assert parse_qs(urlsplit(link).query)["next"] == ["/ear/"]


def test_the_way_to_the_token_below_a_prefix(make_app):
    client = make_app(**BEHIND, read="closed").test_client()
    answer = client.get("/ear/library?genre=hum")
    target = parse_qs(urlsplit(answer.headers["Location"]).query)["next"]
    assert target == ["/ear/library?genre=hum"]
    client = make_app(**NETWORK, read="closed").test_client()
    target = parse_qs(urlsplit(client.get("/library?genre=hum").headers["Location"]).query)["next"]
    assert target == ["/library?genre=hum"]


@pytest.mark.slow
@pytest.mark.parametrize("cut", PATHS)
def test_relabelling_and_removing_below_a_prefix_leads_back_to_the_list(make_app, cut):
    client = make_app(**BEHIND).test_client()
    client.post(f"{cut}/sign-in", data={"token": TOKEN, "csrf_token": secret_of(client)})
    for what in ("relabel", "remove"):
        page = client.get(f"{cut}/library?genre=hum").text
        form = re.search(rf'<form class="{what}".*?</form>', page, re.S)[0]
        action = html.unescape(re.search(r'action="([^"]+)"', form)[1])
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
        assert action.startswith("/ear/library/tracks/")
        data = {name: html.unescape(value) for name, value in fields.items()}
        answer = client.post(action, data=data)
        place, _, track = answer.headers["Location"].partition("#")
        assert place == "/ear/library?genre=hum"
        # Not to the top of a list of fifty.
        assert track == (f"track-{action.split('/')[-2]}" if what == "relabel" else "")


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example"]
)
def test_below_a_prefix_nothing_leads_to_another_site_either(make_app, target):
    client = make_app(**BEHIND).test_client()
    data = {"token": TOKEN, "next": target, "csrf_token": secret_of(client)}
    assert client.post("/sign-in", data=data).headers["Location"] == "/ear/"
    form = {"csrf_token": secret_of(client), "back": target, "genre": "polka"}
    path = f"/library/tracks/{track_id(client)}/genre"
    assert client.post(path, data=form).headers["Location"] == "/ear/library"


# What browsers are told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://127.0.0.1:5000", True),
        ("http://localhost:5000", True),
        ("http://[::1]:5000", True),
        ("https://music.example", True),
        ("http://music.example", False),
        ("http://192.168.1.2:5000", False),
    ],
)
def test_browsers_are_told_only_what_they_take(make_app, address, told):
    client = make_app(**NETWORK).test_client()
    for path in ("/", "/api/v1/library", "/none"):
        answer = client.get(path, base_url=address)
        assert ("Cross-Origin-Opener-Policy" in answer.headers) is told
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_invented_methods_are_counted_as_one(client):
    for number in range(20):
        assert client.open("/library", method=f"FOOBAR{number}").status_code == 405
    metrics = client.get("/metrics").text
    assert "FOOBAR" not in metrics
    assert re.search(r'requests_total\{[^}]*method="other",status="405"\} 20.0', metrics)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_what_a_proxy_passes_on_is_not_local(client, name):
    path = f"/api/v1/tracks/{track_id(client)}"
    answer = client.patch(path, json=RELABEL, headers={name: "203.0.113.9"})
    assert answer.status_code == 403


# How many


def test_the_rate_is_limited_by_address(make_app):
    app = make_app(rate=3)
    client = app.test_client()
    for _ in range(3):
        assert client.post("/api/v1/similar").status_code == 400
    refused = client.post("/api/v1/similar")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.json["status"] == 429
    assert client.get("/api/v1/tracks").status_code == 200
    elsewhere = {"REMOTE_ADDR": "198.51.100.7"}
    assert client.post("/api/v1/similar", environ_base=elsewhere).status_code == 400


def test_a_bucket_fills_again(monkeypatch):
    now = 1000.0
    monkeypatch.setattr("earmark.web.access.time.monotonic", lambda: now)
    limit = RateLimit(60)
    assert [limit.take("a") for _ in range(60)] == [0.0] * 60
    assert limit.take("a") == pytest.approx(1.0)
    assert limit.take("b") == 0.0
    now += 1.0
    assert limit.take("a") == 0.0
    assert limit.take("a") > 0


def test_addresses_of_one_ipv6_network_share_a_bucket():
    limit = RateLimit(1)
    assert limit.take("2001:db8:1:2::1") == 0.0
    assert limit.take("2001:db8:1:2:ffff::9") > 0


# Setting up


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("localhost.example", False),
    ],
)
def test_what_is_a_loopback_address(host, expected):
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    "options",
    [
        {"read": "closed"},
        {"read": "ajar"},
        {"token": "short"},
        {"prefix": "earmark"},
        {"prefix": "/earmark/"},
        {"workers": 0},
        {"queue": -1},
        {"time_limit": 0},
    ],
)
def test_a_setup_that_makes_no_sense_is_refused(options):
    with pytest.raises(ServerError):
        Config(**options)


def test_the_environment_sets_everything_up(tmp_path):
    token = tmp_path / "token"
    token.write_text("from-a-long-file\n")
    config = Config.from_environment(
        {
            "EARMARK_LIBRARY": "classic",
            "EARMARK_MUSIC": str(tmp_path),
            "EARMARK_TOKEN_FILE": str(token),
            "EARMARK_READ": "closed",
            "EARMARK_HOSTS": "a.example, b.example",
            "EARMARK_PROXIES": "1",
            "EARMARK_PREFIX": "/ear/",
            "EARMARK_MAX_UPLOAD_MB": "7",
            "EARMARK_MAX_DURATION_HOURS": "9",
            "EARMARK_WORKERS": "3",
        }
    )
    assert config == Config(
        library="classic",
        music=tmp_path,
        token="from-a-long-file",
        read="closed",
        allowed_hosts=("a.example", "b.example"),
        proxies=1,
        prefix="/ear",
        max_upload=7 * 2**20,
        max_duration=9 * 3600.0,
        workers=3,
    )
    with pytest.raises(ServerError, match="whole number"):
        Config.from_environment({"EARMARK_WORKERS": "many"})
    with pytest.raises(ServerError, match="cannot be read"):
        Config.from_environment({"EARMARK_TOKEN_FILE": str(tmp_path / "none")})
