# FalconEye as an image, for amd64 and arm64. Data lie in /var/lib/falconeye.
#   docker build --tag falconeye .
#   docker run --publish 8900:8900 --volume falconeye:/var/lib/falconeye falconeye
# As a node for cameras of the network it runs as it is; for USB cameras give it their devices
# (--device /dev/video0 --volume /run/udev:/run/udev:ro), for finding cameras --network host.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# The same versions as everywhere, proved by their hashes; what builds them, too.
COPY constraints.txt ./
COPY tests/constraints.txt ./builders.txt
RUN python3 -m venv /builders && python3 -m venv --without-pip /opt/falconeye \
    && awk '/^[a-z]/ {wanted = /^(hatchling|packaging|pathspec|pluggy|setuptools|tomlkit|trove-classifiers|wheel)==/} wanted' \
        builders.txt > wanted.txt \
    && /builders/bin/pip install --quiet --require-hashes --requirement wanted.txt \
    && /builders/bin/pip wheel --quiet --require-hashes --no-deps --no-build-isolation --wheel-dir /wheels \
        --requirement constraints.txt
COPY . ./
RUN /builders/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /builders/bin/pip --python /opt/falconeye/bin/python3 install --quiet --no-index --no-deps /wheels/*.whl

FROM ${BASE}
LABEL org.opencontainers.image.title="FalconEye" \
      org.opencontainers.image.description="A network video recorder for small clusters: one Python process per node." \
      org.opencontainers.image.licenses="Apache-2.0"
# libudev: pyudev asks it for USB cameras; tzdata: the site's days. The groups are those of the devices in most systems.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends libudev1 tzdata \
    && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/* \
    && groupadd --gid 10001 falconeye \
    && useradd --uid 10001 --gid falconeye --groups video,audio --no-log-init \
        --home-dir /var/lib/falconeye --no-create-home --shell /usr/sbin/nologin falconeye \
    && install --directory --owner falconeye --group falconeye --mode 0700 /var/lib/falconeye
COPY --from=build /opt/falconeye /opt/falconeye
ENV PATH=/opt/falconeye/bin:$PATH \
    FALCONEYE_DATA_DIR=/var/lib/falconeye \
    PYTHONDONTWRITEBYTECODE=1
VOLUME /var/lib/falconeye
EXPOSE 8900
# A number, so that Kubernetes sees that it is not root. Any other user will do who owns the volume.
USER 10001
# No HEALTHCHECK: whoever runs it asks /healthz and /readyz, as the probes of a pod do.
ENTRYPOINT ["falconeye"]
CMD ["serve", "--host", "0.0.0.0"]
