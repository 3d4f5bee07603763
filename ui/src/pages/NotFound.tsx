import { Link } from "react-router";
import { Empty } from "../parts/Empty";
import { useTitle } from "../parts/title";

export function NotFound() {
  useTitle("Not found");
  return (
    <>
      <h1 className="unseen">Not found</h1>
      <Empty title="There is no page at this address.">
        <Link to="/workflows">Go to the workflows</Link>
      </Empty>
    </>
  );
}
