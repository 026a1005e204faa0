# The controller's image. `make image` builds it: it first lays the Python packages out in dist/image/lib, each checked
# against its hash in uv.lock, so that nothing is downloaded here, and a base without pip will do.
#
# BASE needs Python 3.11 or newer, glibc 2.28 or newer, CA certificates and a shell; the shell is for this file only.
ARG BASE=docker.io/library/python:3.13-slim@sha256:6771159cd4fa5d9bba1258caf0b82e6b73458c694d178ad97c5e925c2d0e1a91

FROM ${BASE} AS root
COPY dist/image/lib /opt/rollkeeper/lib
COPY LICENSE /opt/rollkeeper/LICENSE
# Left out: the Kubernetes client's typed calls (54 MB; ours are raw JSON, and modules of typed ones are imported only when
# they are asked for), parts of Python that nobody imports, Perl, package managers, documentation. The list of Debian's
# packages stays: vulnerability scanners read it.
RUN set -eu; \
    rm -rf /opt/rollkeeper/lib/bin \
      /opt/rollkeeper/lib/kubernetes/client/api/*_api.py /opt/rollkeeper/lib/kubernetes/aio/client/api/*_api.py; \
    for lib in /usr/local/lib/python3.* /usr/lib/python3.*; do \
      rm -rf "$lib/ensurepip" "$lib/idlelib" "$lib/lib2to3" "$lib/pydoc_data" "$lib/test" "$lib/tkinter" "$lib/turtledemo" \
        "$lib"/site-packages/pip* "$lib"/site-packages/setuptools* "$lib"/site-packages/wheel* "$lib"/config-*; \
    done; \
    rm -rf /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/pydoc* /usr/local/include /usr/lib/python3/dist-packages \
      /usr/bin/perl* /usr/lib/*/perl* /usr/lib/*/libperl* /usr/share/perl* /usr/lib/*/gconv \
      /usr/bin/apt* /usr/lib/apt /usr/lib/*/libapt-* /etc/apt /var/lib/apt /var/cache /var/log /var/lib/dpkg/info /root \
      /usr/share/doc /usr/share/info /usr/share/man /usr/share/locale /usr/share/i18n /usr/share/lintian; \
    python3 -m compileall -q -j 0 -x /client/models/ --invalidation-mode unchecked-hash /opt/rollkeeper/lib; \
    PYTHONPATH=/opt/rollkeeper/lib python3 -m rollkeeper run --help >/dev/null; \
    PYTHONPATH=/opt/rollkeeper/lib python3 -c 'import rollkeeper.cli.operator, rollkeeper.cli.plugin.status'; \
    find / -xdev -type f -perm /6000 -exec chmod a-s {} +; \
    find / -xdev -type d -perm -0002 -exec chmod o-w {} +

# One layer, without what was removed.
FROM scratch
COPY --from=root / /
ARG BASE
ARG VERSION=unreleased
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Rollkeeper" \
      org.opencontainers.image.description="Keeps fleets on the newest OS image" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}"
ENV PATH=/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    HOME=/nonexistent \
    PYTHONPATH=/opt/rollkeeper/lib \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONNOUSERSITE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /
EXPOSE 8080
ENTRYPOINT ["python3", "-m", "rollkeeper"]
CMD ["run"]
