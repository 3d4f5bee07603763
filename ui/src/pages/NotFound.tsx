import { Link } from "react-router";
import { Empty } from "../parts/Empty";

export function NotFound() {
  return (
    <Empty title="There is no page at this address.">
      <Link to="/workflows">Go to the workflows</Link>
    </Empty>
  );
}
