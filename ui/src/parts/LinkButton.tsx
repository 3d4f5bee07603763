/** A link to another page that looks like a button. */
import "./button.css";
import "./linkbutton.css";
import { Link } from "react-router";

export function LinkButton({
  to,
  kind = "plain",
  children,
}: {
  to: string;
  kind?: "plain" | "main";
  children: React.ReactNode;
}) {
  return (
    <Link className={`button button-link button-${kind}`} to={to}>
      {children}
    </Link>
  );
}
