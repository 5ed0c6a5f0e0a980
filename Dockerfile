# The server with the offline profile: everything it needs is inside, nothing is fetched at run time.
#   docker build -t momentseek .                              offline profile
#   docker build -t momentseek --build-arg EXTRAS=models .    default profile too (several GB)
FROM python:3.11-slim

# OpenCV's wheel links to these two.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
 && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home --uid 10001 momentseek \
 && mkdir -p /data /models /media \
 && chown momentseek:momentseek /data /models

WORKDIR /src
# What the project depends on changes less often than the project: its own layer.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      > /tmp/requirements.txt \
 && pip install --no-cache-dir -c constraints.txt -r /tmp/requirements.txt

COPY . .
ARG EXTRAS=""
RUN pip install --no-cache-dir -c constraints.txt ".${EXTRAS:+[${EXTRAS}]}"

USER momentseek
WORKDIR /home/momentseek
ENV MOMENTSEEK_DATA_DIR=/data \
    MOMENTSEEK_MODEL_DIR=/models \
    MOMENTSEEK_SERVER__HOST=0.0.0.0 \
    MOMENTSEEK_SERVER__PORT=8765
VOLUME ["/data", "/models"]
EXPOSE 8765

HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8765/v1/health/live', timeout=4)"]

CMD ["momentseek", "serve"]
