# Sets GO to a Go toolchain of at least 1.26: the machine's own, else one fetched through the Go module proxy into the cache.
go_version=1.26.8
GO=$(command -v go || true)
if [ -n "$GO" ] && [ "$(printf '%s\n' "1.26" "$("$GO" env GOVERSION | sed 's/^go//')" | sort -V | head -1)" = 1.26 ]; then
  :
else
  home=${XDG_CACHE_HOME:-$HOME/.cache}/tiphys/go-$go_version
  if [ ! -x "$home/bin/go" ]; then
    arch=$(uname -m); case $arch in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; esac
    module=golang.org/toolchain@v0.0.1-go$go_version.linux-$arch
    proxy=${GOPROXY:-https://proxy.golang.org}; proxy=${proxy%%,*}
    mkdir -p "$home.part"
    python3 - "$proxy/golang.org/toolchain/@v/${module#*@}.zip" "$home.part" "$module" <<'PY'
import io, pathlib, sys, urllib.request, zipfile
url, home, module = sys.argv[1:]
archive = zipfile.ZipFile(io.BytesIO(urllib.request.urlopen(url).read()))
for entry in archive.infolist():
    path = pathlib.Path(home) / entry.filename.removeprefix(module + "/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive.read(entry))
    if "/bin/" in entry.filename or "/pkg/tool/" in entry.filename:
        path.chmod(0o755)
PY
    rm -rf "$home"; mv "$home.part" "$home"
  fi
  GO=$home/bin/go
fi
export GO GOTOOLCHAIN=local
