# syntax=docker/dockerfile:1
# Older versions of Go are not safe for Sidegate: see SECURITY.md.
ARG GO_VERSION=1.26.11

FROM --platform=$BUILDPLATFORM golang:${GO_VERSION} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION=unknown
# Static, because the last stage has no C library.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    mkdir /out && CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/ ./cmd/...

# Nothing but the binary: no shell to break into, no package to patch, and no
# system roots, because Sidegate trusts the CAs in its configuration alone.
FROM scratch AS sidegate
ARG VERSION=unknown
LABEL org.opencontainers.image.title="Sidegate" \
      org.opencontainers.image.description="Mutual TLS sidecar for Kubernetes" \
      org.opencontainers.image.source="https://github.com/sidegate/sidegate" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /out/sidegate /sidegate
# A number, so that runAsNonRoot can be checked without a passwd file.
USER 65532:65532
# 8443 is mutual TLS; 9901 is health and metrics.
EXPOSE 8443 9901
ENTRYPOINT ["/sidegate"]
CMD ["run", "--config", "/etc/sidegate/sidegate.yaml"]
