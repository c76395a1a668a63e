# A Go of another version fetches this one: older ones are not safe (SECURITY.md).
export GOTOOLCHAIN := go1.26.11

GOLANGCI_LINT := bin/tools/golangci-lint-v2.15.0
COMMANDS      := $(notdir $(wildcard cmd/*))
VERSION       := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
IMAGES        ?= bin/images
FUZZTIME      ?= 30s

.PHONY: help build demo test e2e verify lint generate image fuzz bench clean

help: ## Show this help
	@sed -n 's/^\([a-z0-9]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  %-10s %s\n", $$1, $$2}'

build: ## Build every command into bin/
	@set -e; for c in $(COMMANDS); do echo "go build bin/$$c"; \
	  CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/$$c ./cmd/$$c; done

demo: build ## See it work: mTLS, refusals and a rotation, in one process
	bin/sidegate demo

# The race detector needs a C compiler; building runtime/cgo asks whether cgo is on and one works.
test: ## Run every test, under the race detector where a C compiler is found
	@race=-race; go build -race runtime/cgo 2>/dev/null || \
	  { race=; export CGO_ENABLED=0; echo "make test: no working C compiler, so the race detector stays off"; }; \
	echo "go test $$race ./..."; go test $$race ./...
	cd hack/kube && go test ./...

e2e: ## Play the users' stories on a real Kubernetes (Linux, root; 10 min, the first time 30)
	go test -tags e2e -count=1 -timeout 60m -v ./hack/e2e

verify: generate ## Check that nothing is stale: docs, go.mod, format, vet
	git diff --exit-code -- docs charts
	go mod verify && go mod tidy -diff
	cd hack/kube && go mod tidy -diff
	go vet ./... && go vet -tags e2e ./hack/e2e && cd hack/kube && go vet ./...
	@! gofmt -l . | grep . || { echo "not formatted; run gofmt -w on the above"; exit 1; }

lint: $(GOLANGCI_LINT) ## Run golangci-lint
	$(GOLANGCI_LINT) run && $(GOLANGCI_LINT) run --build-tags e2e ./hack/e2e/...
	cd hack/kube && ../../$(GOLANGCI_LINT) run

generate: ## Write the generated parts of docs/ and charts/
	go run ./hack/docgen
	cd hack/kube && go run ./charts -w

image: ## Build the container images into IMAGES (bin/images), for amd64 and arm64; Docker is not needed
	cd hack/kube && go run ./image -out $(abspath $(IMAGES)) -version $(VERSION) \
	  -revision "$$(git rev-parse HEAD 2>/dev/null)" -created "$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null)}"

fuzz: ## Fuzz every target for FUZZTIME (30s)
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do \
	  for f in $$(go test -list '^Fuzz' $$dir | grep '^Fuzz'); do \
	    go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$dir || exit 1; done; done

BENCH_FLAGS ?= -page docs/benchmarks.md
bench: build ## Measure against other proxies (9 min); PROFILE=1: profiles of Sidegate instead
	go run ./hack/bench $(if $(ROUNDS),-rounds $(ROUNDS)) $(if $(PROFILE),-peers sidegate -cpuprofile bin/profiles,-sidegate bin/sidegate $(BENCH_FLAGS))

bin/app: ; go build -o $@ ./hack/app
clean: ## Remove bin/
	rm -rf bin

# Beside the product's own dependencies, not among them: go.mod stays short.
$(GOLANGCI_LINT):
	GOBIN=$(CURDIR)/bin/tools go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv bin/tools/golangci-lint $@
