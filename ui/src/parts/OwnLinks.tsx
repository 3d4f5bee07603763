/** The links of the configuration for one place. */
import "./button.css";
import "./linkbutton.css";
import { useInfo } from "../api/info";
import { addressOf } from "./address";

export function OwnLinks({ scope, known = {} }: { scope: string; known?: object }) {
  const { links = [] } = useInfo();
  return links
    .filter((one) => one.scope === scope)
    .map(({ name, url, target }) => {
      const address = addressOf(url, known as Record<string, unknown>, document.baseURI);
      return (
        address && (
          <a
            key={`${name} ${url}`}
            className="button button-link button-plain"
            href={address}
            target={target || "_blank"}
            rel="noopener"
          >
            {name}
          </a>
        )
      );
    });
}
