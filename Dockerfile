# docker build -t srgan . && docker run --rm -v "$PWD:/work" --user "$(id -u):$(id -g)" srgan upscale photo.jpg
FROM python:3.12-slim
RUN pip install --no-cache-dir torch --index-url https://download.pytorch.org/whl/cpu
COPY . /src
RUN pip install --no-cache-dir /src && rm -rf /src && useradd --create-home srgan
USER srgan
ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["srgan"]
CMD ["--help"]
