# syntax=docker/dockerfile:1
# For those who build with a container engine: one stage, one image.
#
#   docker build --target sidegate --build-arg VERSION=v1.2.3 -t sidegate:v1.2.3 .
#   docker build --target sidegate-controller …
#
# `make image` needs no engine and its images say the same: hack/kube/image
# holds it against the last two stages of this file, in a test.

# Older versions of Go are not safe for Sidegate: see SECURITY.md.
ARG GO_VERSION=1.26.11

FROM --platform=$BUILDPLATFORM golang:${GO_VERSION} AS source
WORKDIR /src
COPY . .
# Static, because the last stages have no C library. With the flags of the makefile.
ARG TARGETOS TARGETARCH
ENV CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH GOFLAGS="-trimpath -buildvcs=false"

FROM source AS build-sidegate
ARG VERSION=unknown
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -ldflags "-s -w -X main.version=$VERSION" -o /out/sidegate ./cmd/sidegate

FROM source AS build-sidegate-controller
ARG VERSION=unknown
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -ldflags "-s -w -X main.version=$VERSION" -o /out/sidegate-controller ./cmd/sidegate-controller

# Nothing but the binary: no shell to break into, no package to patch. The API
# server's CA comes with the service account, so that no system roots are missed.
FROM scratch AS sidegate-controller
ARG VERSION=unknown REVISION="" CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Sidegate controller" \
      org.opencontainers.image.description="Brings renewed certificates to Sidegate at once and warns before they expire" \
      org.opencontainers.image.source="https://github.com/sidegate/sidegate" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"
COPY --from=build-sidegate-controller /out/sidegate-controller /sidegate-controller
USER 65532:65532
# 9901 is health and metrics.
EXPOSE 9901
ENTRYPOINT ["/sidegate-controller"]

# The same for the sidecar, which trusts the CAs in its configuration alone. It
# stands last, so that it is what `docker build .` makes.
FROM scratch AS sidegate
ARG VERSION=unknown REVISION="" CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Sidegate" \
      org.opencontainers.image.description="Mutual TLS sidecar for Kubernetes" \
      org.opencontainers.image.source="https://github.com/sidegate/sidegate" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"
COPY --from=build-sidegate /out/sidegate /sidegate
# A number, so that runAsNonRoot can be checked without a passwd file.
USER 65532:65532
# 8443 is mutual TLS; 9901 is health and metrics.
EXPOSE 8443 9901
ENTRYPOINT ["/sidegate"]
CMD ["run", "--config", "/etc/sidegate/config/sidegate.yaml"]
