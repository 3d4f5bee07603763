/** Who the server takes one for, and which server it is. */
import "./user.css";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "react-router";
import { caller, setAuthorization } from "../../api/caller";
import { useVersion } from "../../api/info";
import { address, request, send } from "../../api/request";
import { Button } from "../../parts/Button";
import { deed } from "../../parts/deed";
import { Failure } from "../../parts/Empty";
import { useTitle } from "../../parts/title";

interface User {
  issuer?: string;
  subject?: string;
  name?: string;
  email?: string;
  groups?: string[];
  serviceAccountName?: string;
  serviceAccountNamespace?: string;
}

export function UserPage() {
  useTitle("User");
  const user = useQuery({
    queryKey: ["user"],
    queryFn: ({ signal }) => request<User>("GET", "api/v1/userinfo", { signal }),
  });
  const version = useVersion();
  return (
    <div className="page">
      <h1>User</h1>
      <section className="card login-part" aria-label="Who you are">
        {user.error && <Failure failure={user.error} what="The server does not know you:" />}
        {user.data && <Facts user={user.data} />}
        <Leave isSession={!!user.data?.issuer} />
      </section>
      <section className="card login-part" aria-label="Server">
        <h2>Server</h2>
        <dl>
          <dt>Version</dt>
          <dd>{version?.version}</dd>
          <dt>Platform</dt>
          <dd>
            {version?.goVersion} {version?.platform}
          </dd>
        </dl>
        <p>
          Command line: set <code>ARGO_SERVER={location.host}</code> and <code>ARGO_HTTP1=true</code>.
        </p>
      </section>
    </div>
  );
}

function Facts({ user }: { user: User }) {
  const account = user.serviceAccountName && `${user.serviceAccountNamespace ?? ""}/${user.serviceAccountName}`;
  const facts: [string, string | undefined][] = [
    ["Name", user.name],
    ["Subject", user.subject],
    ["E-mail", user.email],
    ["Issuer", user.issuer],
    ["Groups", user.groups?.join(", ")],
    ["Service account", account],
  ];
  const known = facts.filter(([, value]) => value);
  if (known.length === 0)
    return <p>The server says nothing about you: it acts with your token, or with its own rights.</p>;
  return (
    <dl>
      {known.map(([title, value]) => (
        <div key={title} className="user-fact">
          <dt>{title}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A session is held in a cookie that only the server can take back. */
function Leave({ isSession }: { isSession: boolean }) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const leave = async () => {
    setAuthorization("");
    if (isSession && !(await deed(send(address("oauth2/logout"), { method: "POST" }), "Logged out."))) return;
    queries.clear();
    navigate("/login");
  };
  return (
    <div className="row">
      <Link to="/login">Log in as somebody else</Link>
      {(isSession || caller().authorization) && <Button onClick={leave}>Log out</Button>}
    </div>
  );
}
