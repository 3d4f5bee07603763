"""http and artifactory artifacts: how they sign in, and where their credentials do not go."""

import pathlib

import pytest
from tests.servers import doubles
from tests.servers.nginx import PASSWORD, USER
from tests.servers.secrets import Secrets

from tiphys.artifacts.http import ArtifactoryDriver, HTTPDriver
from tiphys.artifacts.web import shown
from tiphys.errors import Forbidden, InvalidManifest, SpecError, Unavailable
from tiphys.model.locations import (
    ArtifactoryArtifact,
    BasicAuth,
    ClientCertAuth,
    Header,
    HTTPArtifact,
    HTTPAuth,
    OAuth2Auth,
    OAuth2EndpointParam,
)


@pytest.fixture
def secrets(tmp_path: pathlib.Path) -> Secrets:
    return Secrets(tmp_path / "secrets")


@pytest.fixture
def near():
    with doubles.web() as one:
        yield one


@pytest.fixture
def far():
    with doubles.web() as one:
        yield one


def basic(secrets: Secrets) -> HTTPAuth:
    return HTTPAuth(basic_auth=BasicAuth(username_secret=secrets("user", USER), password_secret=secrets("password", PASSWORD)))


def read(place: HTTPArtifact, secrets: Secrets) -> bytes:
    return b"".join(HTTPDriver(place, secrets.read).stream(place.url))


def test_headers_are_sent(near, secrets):
    place = HTTPArtifact(url=f"{near.url}/x", headers=(Header(name="X-Token", value="t"), Header(name="Accept", value="text/x")))
    assert read(place, secrets) == b"GET "
    assert {"X-Token": "t", "Accept": "text/x"}.items() <= near.requests[0][2].items()


def test_user_and_password_of_the_url_sign_in_as_those_of_secrets_do(web, secrets):
    (web.files / "signed").write_text("x")
    address = f"{web.host}:{web.port}/files/signed"
    assert read(HTTPArtifact(url=f"http://{address}", auth=basic(secrets)), secrets) == b"x"
    assert read(HTTPArtifact(url=f"http://{USER}:{PASSWORD}@{address}"), secrets) == b"x"
    with pytest.raises(Forbidden) as caught:
        read(HTTPArtifact(url=f"http://{USER}:wrong-canary@{address}?token=canary"), secrets)
    assert caught.value.message == f"GET http://{address}: 401 Unauthorized"


def test_a_client_certificate_opens(secure_web, secrets, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(secure_web.folder / "ca.crt"))
    (secure_web.files / "page").write_text("certified")
    folder = secure_web.folder
    cert = ClientCertAuth(client_cert_secret=secrets("cert", (folder / "client.crt").read_bytes()), client_key_secret=secrets("key", (folder / "client.key").read_bytes()))
    url = f"{secure_web.url}/certified/page"
    assert read(HTTPArtifact(url=url, auth=HTTPAuth(client_cert=cert)), secrets) == b"certified"
    with pytest.raises(Forbidden):
        read(HTTPArtifact(url=url), secrets)
    other = ClientCertAuth(client_cert_secret=cert.client_cert_secret, client_key_secret=secrets("other", (folder / "server.key").read_bytes()))
    with pytest.raises(SpecError, match="do not fit"):
        HTTPDriver(HTTPArtifact(url=url, auth=HTTPAuth(client_cert=other)), secrets.read)


def test_a_server_that_nobody_vouches_for_is_refused_for_good(secure_web, secrets):
    with pytest.raises(InvalidManifest, match="CERTIFICATE_VERIFY_FAILED"):
        read(HTTPArtifact(url=f"{secure_web.url}/open/x"), secrets)


@pytest.mark.parametrize("style", ["header", "form"])
def test_a_token_is_fetched_for_client_credentials(near, far, secrets, style):
    auth = OAuth2Auth(
        client_id_secret=secrets("id", "id"), client_secret_secret=secrets("secret", "oauth-canary"), token_url_secret=secrets("url", f"{far.url}/token"),
        scopes=("a", "b"), endpoint_params=(OAuth2EndpointParam(key="style", value=style),),
    )  # fmt: skip
    assert read(HTTPArtifact(url=f"{near.url}/x", auth=HTTPAuth(oauth2=auth)), secrets) == b"GET "
    assert near.requests[0][2]["Authorization"] == "Bearer bearer-canary"


def test_credentials_do_not_follow_to_another_server(near, far, secrets):
    place = HTTPArtifact(url=f"{near.url}/to?{far.url}/x", auth=basic(secrets), headers=(Header(name="X-Api-Key", value="canary"), Header(name="Cookie", value="canary")))
    assert read(place, secrets) == b"GET "
    assert {"Authorization", "X-Api-Key", "Cookie"} <= set(near.requests[0][2])
    assert {"Authorization", "X-Api-Key", "X-api-key", "Cookie"}.isdisjoint(far.requests[0][2])


def test_they_do_within_the_same_server(near, secrets):
    read(HTTPArtifact(url=f"{near.url}/to?{near.url}/x", auth=basic(secrets)), secrets)
    assert "Authorization" in near.requests[1][2]


def test_the_key_may_not_name_another_server(near, far, secrets):
    driver = HTTPDriver(HTTPArtifact(url=f"{near.url}/x", auth=basic(secrets)), secrets.read)
    with pytest.raises(SpecError, match="not on the server"):
        driver.stream(f"{far.url}/x")
    assert far.requests == []


def test_a_redirect_from_https_to_http_is_not_followed(secure_web, secrets, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(secure_web.folder / "ca.crt"))
    with pytest.raises(InvalidManifest, match="redirects from https to http"):
        read(HTTPArtifact(url=f"{secure_web.url}/elsewhere/"), secrets)


def test_a_redirect_to_a_file_is_not_followed(near, secrets):
    with pytest.raises(InvalidManifest):
        read(HTTPArtifact(url=f"{near.url}/to?file:///etc/passwd"), secrets)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://h/x", "", "h/x", "data:,x", "http://", "http://[::1"])
def test_other_urls_than_http_are_refused(secrets, url):
    with pytest.raises(SpecError):
        HTTPDriver(HTTPArtifact(url=url), secrets.read)


def test_an_answer_that_is_cut_short_is_no_artifact(near, secrets, tmp_path):
    with pytest.raises(Unavailable, match=r"too early|IncompleteRead"):
        HTTPDriver(HTTPArtifact(url=f"{near.url}/cut"), secrets.read).load(f"{near.url}/cut", tmp_path / "x")


def test_a_server_with_a_fault_and_one_that_is_not_there_may_be_asked_again(near, secrets):
    with pytest.raises(Unavailable, match="500"):
        read(HTTPArtifact(url=f"{near.url}/broken"), secrets)
    with pytest.raises(Unavailable):
        read(HTTPArtifact(url="http://127.0.0.1:1/x"), secrets)


def test_what_is_sent_has_its_length_when_that_is_known_or_wanted(near, secrets):
    place = HTTPArtifact(url=f"{near.url}/x")
    HTTPDriver(place, secrets.read).save(place.url, [b"a", b"b"], 2)
    HTTPDriver(place, secrets.read).save(place.url, [b"a", b"b"])
    by_file = HTTPArtifact(url=place.url, save_stream_via_file=True)
    HTTPDriver(by_file, secrets.read).save(place.url, [b"a", b"b"])
    sent = [headers for _, _, headers in near.requests]
    assert [one.get("Content-Length") for one in sent] == ["2", None, "2"]
    assert sent[1]["Transfer-Encoding"] == "chunked"


def test_a_put_is_not_redirected(near, far, secrets):
    place = HTTPArtifact(url=f"{near.url}/to?{far.url}/x", auth=basic(secrets))
    with pytest.raises(InvalidManifest, match="302"):
        HTTPDriver(place, secrets.read).save(place.url, [b"a"])
    assert far.requests == []


def test_artifactory_signs_in_with_user_and_password(web, secrets):
    url = f"{web.url}/files/artifactory/deep/a"
    driver = ArtifactoryDriver(ArtifactoryArtifact(url=url, username_secret=secrets("u", USER), password_secret=secrets("p", PASSWORD)), secrets.read)
    driver.save(url, [b"x"])
    assert (web.files / "artifactory/deep/a").read_bytes() == b"x"


def test_a_url_is_shown_without_its_secrets():
    assert shown("https://user:password@host:8443/path/x?token=t#f") == "https://host:8443/path/x"
