import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createBrowserRouter, RouterProvider } from "react-router";
import { Refused } from "../api/request";
import { Notices } from "../parts/Notices";
import { ROUTES } from "./routes";

const queries = new QueryClient({
  defaultOptions: {
    // what was refused is not asked again; what did not come is
    queries: {
      staleTime: 10_000,
      retry: (count, e) => count < 2 && e instanceof Refused && (e.status === 0 || e.status >= 502),
    },
  },
});
const basename = new URL(document.baseURI).pathname.replace(/\/$/, "") || "/";
const router = createBrowserRouter(ROUTES, { basename });

export function App() {
  return (
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
      <Notices />
    </QueryClientProvider>
  );
}
