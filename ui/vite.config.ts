import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// addresses are relative, so that one build serves below any path: the server writes the path into <base href>
export default defineConfig({
  base: "./",
  plugins: [react()],
  build: { outDir: "../operator/tiphys/server/page", emptyOutDir: true, target: "es2023", chunkSizeWarningLimit: 800 },
  worker: { format: "es" },
  server: { proxy: { "/api": "http://127.0.0.1:2746", "/artifact-files": "http://127.0.0.1:2746" } },
});
