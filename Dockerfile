# docker build -t srgan . && docker run --rm -v "$PWD:/work" --user "$(id -u):$(id -g)" srgan upscale photo.jpg
FROM python:3.12-slim
RUN pip install --no-cache-dir uv
COPY . /src
RUN uv pip install --system --no-cache --torch-backend=cpu /src && rm -rf /src && useradd --create-home srgan
USER srgan
ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["srgan"]
CMD ["--help"]
