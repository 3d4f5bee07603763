/** Which page each address shows; pages are loaded when they are first looked at. */
import { Navigate, type RouteObject, useLocation, useParams } from "react-router";
import { KEPT, type KeptKind } from "../api/kept";
import { NotFound } from "../pages/NotFound";
import { Frame } from "./Frame";

/** The list of a kind, and one of it. */
function kept(kind: KeptKind): RouteObject[] {
  const one = kind.namespaced ? `${kind.place}/:namespace/:name` : `${kind.place}/:name`;
  return [
    {
      path: kind.namespaced ? `${kind.place}/:namespace?` : kind.place,
      lazy: async () => {
        const { KeptListPage } = await import("../pages/kept/KeptListPage");
        return { element: <KeptListPage key={kind.place} kind={kind} /> };
      },
    },
    {
      path: one,
      lazy: async () => {
        const { KeptPage } = await import("../pages/kept/KeptPage");
        return { element: <KeptPage key={kind.place} kind={kind} /> };
      },
    },
  ];
}

/** Addresses of Argo's page, so that old links and bookmarks lead to the same thing here. */
const ARGO: Record<string, string> = {
  "workflow-templates": "templates",
  "cluster-workflow-templates": "cluster-templates",
  "cron-workflows": "cron",
  "archived-workflows": "archive",
  userinfo: "user",
  "event-flow": "events",
  "event-sources": "events?tab=sources",
  sensors: "events?tab=sensors",
  "workflow-event-bindings": "events?tab=bindings",
  apidocs: "api-docs",
};

function Moved({ to }: { to: string }) {
  const { "*": rest = "" } = useParams();
  const { search } = useLocation();
  const [path, added] = to.split("?");
  return <Navigate to={`/${path}${rest ? `/${rest}` : ""}${added ? `?${added}` : search}`} replace />;
}

export const ROUTES: RouteObject[] = [
  {
    path: "login",
    HydrateFallback: () => null,
    lazy: async () => ({ Component: (await import("../pages/user/LoginPage")).LoginPage }),
  },
  {
    path: "widgets/workflow-status-badges/:namespace",
    HydrateFallback: () => null,
    lazy: async () => ({ Component: (await import("../pages/widgets/BadgeWidget")).BadgeWidget }),
  },
  {
    path: "widgets/workflow-graphs/:namespace",
    HydrateFallback: () => null,
    lazy: async () => ({ Component: (await import("../pages/widgets/GraphWidget")).GraphWidget }),
  },
  {
    element: <Frame />,
    HydrateFallback: () => null,
    children: [
      { index: true, element: <Navigate to="/workflows" replace /> },
      {
        path: "workflows/:namespace?",
        lazy: async () => ({ Component: (await import("../pages/workflows/WorkflowsPage")).WorkflowsPage }),
      },
      {
        path: "workflows/:namespace/:name",
        lazy: async () => ({ Component: (await import("../pages/workflow/WorkflowPage")).WorkflowPage }),
      },
      ...KEPT.flatMap(kept),
      {
        path: "create/:place/:namespace?",
        lazy: async () => ({ Component: (await import("../pages/create/CreatePage")).CreatePage }),
      },
      {
        path: "archive/:namespace?",
        lazy: async () => ({ Component: (await import("../pages/archive/ArchivePage")).ArchivePage }),
      },
      {
        path: "reports/:namespace?",
        lazy: async () => ({ Component: (await import("../pages/reports/ReportsPage")).ReportsPage }),
      },
      {
        path: "events/:namespace?",
        lazy: async () => ({ Component: (await import("../pages/events/EventsPage")).EventsPage }),
      },
      { path: "plugins", lazy: async () => ({ Component: (await import("../pages/about/PluginsPage")).PluginsPage }) },
      { path: "api-docs", lazy: async () => ({ Component: (await import("../pages/about/ApiPage")).ApiPage }) },
      { path: "user", lazy: async () => ({ Component: (await import("../pages/user/UserPage")).UserPage }) },
      ...Object.entries(ARGO).map(([from, to]) => ({ path: `${from}/*`, element: <Moved to={to} /> })),
      { path: "*", element: <NotFound /> },
    ],
  },
];
