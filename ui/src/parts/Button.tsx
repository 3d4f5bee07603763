import "./button.css";
import type { ButtonHTMLAttributes } from "react";

type Kind = "plain" | "main" | "danger" | "bare";

export function Button({ kind = "plain", ...rest }: ButtonHTMLAttributes<HTMLButtonElement> & { kind?: Kind }) {
  return <button type="button" {...rest} className={`button button-${kind} ${rest.className ?? ""}`} />;
}
