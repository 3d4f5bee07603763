# Builds Tiphys' image. Without Docker: deploy/image/build.
FROM python:3.11-slim AS build
WORKDIR /src
RUN pip install --no-cache-dir uv==0.13.9
COPY pyproject.toml uv.lock README.md LICENSE hatch_build.py ./
COPY shim shim
COPY ui ui
COPY operator operator
RUN uv export --frozen --no-dev --no-emit-project > /requirements.txt \
 && uv pip install --system --target /opt/tiphys -r /requirements.txt \
 && uv build --wheel --out-dir /wheels && uv pip install --system --target /opt/tiphys --no-deps /wheels/*.whl \
 && python -m compileall -q /opt/tiphys

FROM python:3.11-slim
# for git artifacts; libnss-wrapper lets ssh run as a user that the image does not know
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends git openssh-client libnss-wrapper && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/tiphys /opt/tiphys
ENV PYTHONPATH=/opt/tiphys PATH=/opt/tiphys/bin:/usr/local/bin:/usr/bin:/bin HOME=/tmp
USER 65532:65532
ENTRYPOINT ["tiphys"]
