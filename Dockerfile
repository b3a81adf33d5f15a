# Two images of nothing but our programs and the shared libraries that these name; `make image` stages the files
# (manifests/image/stage) in the context and builds both. A context's agent/ and controller/ are roots of file systems.
# BASE: any image of the same distribution as the build machine, whose libraries are then those staged.
ARG BASE=scratch

# On the node: CAP_BPF and more, see manifests/base/agent.yaml.
FROM ${BASE} AS agent
COPY agent/ /
ENV PATH=/usr/bin
ENTRYPOINT ["/usr/bin/nametap-agent"]

FROM ${BASE} AS controller
COPY controller/ /
ENV PATH=/usr/bin
USER 65532:65532
ENTRYPOINT ["/usr/bin/nametap-controller"]
