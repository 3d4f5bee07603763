/** How plugins come to be, and where to find those of this cluster. */
import "../kept/kept.css";
import { useTitle } from "../../parts/title";

const LABEL = "workflows.argoproj.io/configmap-type=ExecutorPlugin";

export function PluginsPage() {
  useTitle("Plugins");
  return (
    <div className="page">
      <h1>Plugins</h1>
      <section className="card kept-card" aria-label="Executor plugins">
        <h2>Executor plugins</h2>
        <p>
          A plugin does the work of templates that say <code>plugin</code>. It is a program that answers requests on a
          port, in a container beside the workflow's agent, and is known by a ConfigMap with the label{" "}
          <code>{LABEL}</code>, in the namespace of the workflow or in that of the controller.
        </p>
        <p>Those of this cluster are listed by:</p>
        <pre tabIndex={0} role="region" aria-label="Command" className="kept-command">
          kubectl get configmaps --all-namespaces -l {LABEL}
        </pre>
        <p>
          A workflow that needs plugins of its own names them in <code>spec.executorPlugins</code>.
        </p>
      </section>
      <section className="card kept-card" aria-label="Artifact drivers">
        <h2>Artifact drivers</h2>
        <p>
          A driver stores artifacts where the kinds that are built in do not reach. It is named in{" "}
          <code>artifactDrivers</code> of the controller's configuration, and used by artifacts that say{" "}
          <code>plugin</code>.
        </p>
      </section>
    </div>
  );
}
