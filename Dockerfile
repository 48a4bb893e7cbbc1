# docker build -t srgan . && docker run --rm -v "$PWD:/work" --user "$(id -u):$(id -g)" srgan upscale photo.jpg
FROM python:3.12-slim
RUN pip install --no-cache-dir uv && useradd srgan
RUN --mount=type=bind,target=/src,rw uv pip install --system --no-cache --torch-backend=cpu /src
USER srgan
ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["srgan"]
CMD ["--help"]
