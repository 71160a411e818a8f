# The image of the operator and of gates, for any builder: docker build, buildah build, podman build. See docs/image.md.
#
# BASE_IMAGE is any glibc Linux with Python 3.11 or newer as python3 on PATH; while building it needs pip, too, which the
# result does not keep. Pin it by its digest for builds that can be repeated.
ARG BASE_IMAGE=docker.io/library/python:3.13-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /src
COPY operator/requirements.txt operator/requirements-build.txt operator/
RUN python3 -m venv --without-pip /opt/mintmaster \
 && python3 -m venv --without-pip /opt/build \
 && python3 -m pip --python /opt/mintmaster/bin/python3 install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r operator/requirements.txt \
 && python3 -m pip --python /opt/build/bin/python3 install --no-cache-dir --no-deps --require-hashes --only-binary :all: -r operator/requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY operator/mintmaster operator/mintmaster
COPY manifests manifests
COPY operator/image operator/image
RUN /opt/build/bin/python3 -m hatchling build -t wheel -d /wheel \
 && python3 -m pip --python /opt/mintmaster/bin/python3 install --no-cache-dir --no-deps --no-index /wheel/*.whl \
 && python3 operator/image/sbom.py /opt/mintmaster/lib/python3*/site-packages > /opt/mintmaster/sbom.cdx.json \
 && cp LICENSE /opt/mintmaster/

FROM ${BASE_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Mintmaster" \
      org.opencontainers.image.description="A Kubernetes operator that manages tokens as custom resources" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY operator/image/remove_pip.py /tmp/remove_pip.py
RUN python3 /tmp/remove_pip.py && rm /tmp/remove_pip.py
COPY --from=build /opt/mintmaster /opt/mintmaster
ENV PATH=/opt/mintmaster/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# The user of the manifests; it needs no entry in /etc/passwd and no home.
USER 65532:65532
WORKDIR /
ENTRYPOINT ["mintmaster"]
