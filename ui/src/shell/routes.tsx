/** Which page each address shows; pages are loaded when they are first looked at. */
import { Navigate, type RouteObject } from "react-router";
import { NotFound } from "../pages/NotFound";
import { Frame } from "./Frame";

export const ROUTES: RouteObject[] = [
  {
    element: <Frame />,
    HydrateFallback: () => null,
    children: [
      { index: true, element: <Navigate to="/workflows" replace /> },
      {
        path: "workflows/:namespace?",
        lazy: async () => ({ Component: (await import("../pages/workflows/WorkflowsPage")).WorkflowsPage }),
      },
      { path: "*", element: <NotFound /> },
    ],
  },
];
