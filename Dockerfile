# One image for every service of docker-compose.yml; docs/deploy.md says how to use it without.
#   docker build -t momentseek .                                                   the offline profile
#   docker build -t momentseek --build-arg EXTRAS=models .                         default and gpu, several GB
#   docker build -t momentseek --build-arg EXTRAS=models,qdrant,postgres .         cluster
# EXTRAS are those of pyproject.toml. Their torch brings CUDA along, so the base is the same with and without
# a GPU. TORCH_INDEX is an index of other torch wheels, those for processors alone for instance.
ARG PYTHON=3.11.14-slim-bookworm

FROM python:${PYTHON} AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/momentseek
ENV PATH=/opt/momentseek/bin:$PATH
WORKDIR /src

# What the project depends on changes less often than the project: a layer of its own.
COPY pyproject.toml constraints.txt ./
ARG EXTRAS=""
ARG TORCH_INDEX=""
# OpenCV without windows: the other one links to libGL, which would bring X11 into the image.
RUN --mount=type=cache,target=/root/.cache/pip \
    python -c "import sys, tomllib; \
project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
extras = project['optional-dependencies']; \
wanted = [line for name in sys.argv[1].split(',') if name for line in extras[name]]; \
print(*project['dependencies'], *wanted, sep='\n')" "$EXTRAS" > requirements.txt \
 && pip install -c constraints.txt -r requirements.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
 && pip uninstall --yes opencv-python \
 && pip install --no-deps "opencv-python-headless==$(sed -n 's/^opencv-python==//p' constraints.txt)"

COPY . .
RUN pip install --no-cache-dir --no-deps .


FROM python:${PYTHON}
LABEL org.opencontainers.image.title="momentseek" \
      org.opencontainers.image.description="A self-hosted search engine for moments in video" \
      org.opencontainers.image.licenses="AGPL-3.0-or-later"
RUN useradd --uid 10001 --no-log-init --no-create-home --home-dir /tmp --shell /usr/sbin/nologin momentseek \
 && install --directory --owner=momentseek --group=momentseek /data /models /media
COPY --from=build /opt/momentseek /opt/momentseek

# What libraries want to note down goes to /tmp: the rest of the file system may be read-only.
ENV PATH=/opt/momentseek/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    MOMENTSEEK_DATA_DIR=/data \
    MOMENTSEEK_MODEL_DIR=/models \
    MOMENTSEEK_SERVER__HOST=0.0.0.0 \
    MOMENTSEEK_SERVER__PORT=8765
USER 10001:10001
WORKDIR /data
VOLUME ["/data", "/models"]
EXPOSE 8765

HEALTHCHECK --interval=15s --timeout=5s --start-period=5m --retries=4 CMD [ \
  "python", "-c", "from urllib import request; request.urlopen('http://127.0.0.1:8765/v1/health/live', timeout=4)" ]

ENTRYPOINT ["momentseek"]
CMD ["serve"]
