/** Log in with a token, or through the provider that the server knows. */
import "../../parts/linkbutton.css";
import "./user.css";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { caller, setAuthorization } from "../../api/caller";
import { modes } from "../../api/modes";
import { address, Refused, request } from "../../api/request";
import { wayBack } from "../../api/session";
import { Button } from "../../parts/Button";
import { useTitle } from "../../parts/title";

/** Whether the server takes the token: whoever may not list workflows is known nevertheless. */
async function isTaken(): Promise<boolean> {
  try {
    await request("GET", "api/v1/workflows/", { query: { "listOptions.limit": 1, fields: "metadata" } });
    return true;
  } catch (e) {
    if (e instanceof Refused && e.status === 401) return false;
    if (e instanceof Refused && e.status === 403) return true;
    throw e;
  }
}

export function LoginPage() {
  const [token, setToken] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const has = modes();
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const back = wayBack(search);
  const queries = useQueryClient();
  useTitle("Log in");
  const send = async (event: FormEvent) => {
    event.preventDefault();
    const before = caller().authorization;
    setBusy(true);
    setWrong("");
    setAuthorization(`Bearer ${token.trim().replace(/^Bearer\s+/i, "")}`);
    try {
      if (await isTaken()) {
        queries.clear();
        navigate(back.slice(new URL(document.baseURI).pathname.length - 1));
        return;
      }
      setWrong("The server does not know this token.");
    } catch (e) {
      setWrong(e instanceof Error ? e.message : String(e));
    }
    setAuthorization(before);
    setBusy(false);
  };
  return (
    <main className="login">
      <h1>
        <img src="icon.svg" alt="" width="28" height="28" /> Tiphys
      </h1>
      {has.includes("client") && (
        <form className="card login-part" onSubmit={send} aria-label="Log in with a token">
          <h2>With a token</h2>
          <p className="quiet">
            For example <code>kubectl create token SERVICE-ACCOUNT</code>, or what <code>tiphys auth token</code> says.
          </p>
          <label className="field">
            Token
            <textarea
              rows={4}
              required
              spellCheck={false}
              autoComplete="off"
              value={token}
              onChange={(event) => setToken(event.target.value)}
            />
          </label>
          {wrong && (
            <p className="failure" role="alert">
              {wrong}
            </p>
          )}
          <Button kind="main" type="submit" disabled={busy || !token.trim()}>
            Log in
          </Button>
        </form>
      )}
      {has.includes("sso") && (
        <section className="card login-part" aria-label="Log in through a provider">
          <h2>Through your provider</h2>
          <a className="button button-link" href={address("oauth2/redirect", { redirect: back })}>
            Single sign-on
          </a>
        </section>
      )}
      {has.includes("server") && <p className="quiet">Who brings nothing acts with the rights of the server.</p>}
    </main>
  );
}
