/** Said once to who is new, who sees a new version, and who has been here for a while; each only where the server wants it. */
import { useState } from "react";
import { type Info, useInfo, useVersion } from "../api/info";
import { Button } from "../parts/Button";
import { Dialog } from "../parts/Dialog";
import { OwnLinks } from "../parts/OwnLinks";
import { after, due, type Greeting, recall, remember } from "./due";

export function Greetings() {
  const info = useInfo();
  const version = useVersion()?.version;
  if (!info.modals || !version) return null;
  return <Due info={info} version={version} />;
}

function Due({ info, version }: { info: Info; version: string }) {
  const [greeting, setGreeting] = useState(() => {
    const known = recall();
    const found = due(info.modals ?? {}, known, version, Date.now());
    if (!found) remember(after(known, undefined, version, Date.now()));
    return found;
  });
  if (!greeting) return null;
  const close = () => {
    remember(after(recall(), greeting, version, Date.now()));
    setGreeting(undefined);
  };
  return (
    <Dialog title={TITLES[greeting]} onClose={close}>
      <Words greeting={greeting} version={version} />
      <div className="row">
        {greeting === "feedback" && <OwnLinks scope="chat" />}
        <span className="space" />
        <Button kind="main" onClick={close}>
          Close
        </Button>
      </div>
    </Dialog>
  );
}

const TITLES: Record<Greeting, string> = {
  firstTimeUser: "Welcome to Tiphys",
  newVersion: "Tiphys was updated",
  feedback: "How do you like Tiphys?",
};

function Words({ greeting, version }: { greeting: Greeting; version: string }) {
  switch (greeting) {
    case "firstTimeUser":
      return (
        <p>
          Workflows are listed live; each one opens as a graph, a tree or a timeline, with logs, inputs and outputs of
          every step. <strong>New workflow</strong> and <strong>Templates</strong> start one. The key <kbd>?</kbd> shows
          all keys.
        </p>
      );
    case "newVersion":
      return <p>This server is {version} now. What has changed is told in its change log.</p>;
    case "feedback":
      return <p>Tell whoever runs this server what helps you and what is missing. Nothing is sent from here.</p>;
  }
}
