import "./labels.css";

export function Labels({ labels }: { labels: Record<string, string> | undefined }) {
  const all = Object.entries(labels ?? {});
  if (all.length === 0) return null;
  return (
    <ul className="labels" aria-label="Labels">
      {all.map(([name, value]) => (
        <li key={name}>
          {name.replace("workflows.argoproj.io/", "")}={value}
        </li>
      ))}
    </ul>
  );
}
