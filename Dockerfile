# docker build --target cpu -t vidsearch:cpu .         docker build --target gpu -t vidsearch:gpu .
# docker run --rm -v /videos:/videos:ro -v /archive:/archive vidsearch:cpu index /archive/catalog /videos

FROM python:3.11-slim-bookworm AS base
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1
# Extras of pyproject.toml. With train, --build-arg PIP_EXTRA_INDEX_URL=... to an index with PyTorch's
# CPU build makes the image much smaller.
ARG EXTRAS=s3
ARG PIP_EXTRA_INDEX_URL
WORKDIR /opt/vidsearch
# The alias goes first: the extra insightface then takes the headless OpenCV, which needs no libGL.
COPY constraints.txt ./
COPY third_party/ third_party/
RUN pip install -c constraints.txt ./third_party/opencv-python
COPY pyproject.toml README.md LICENSE ./
COPY vidsearch/ vidsearch/
COPY trainer/ trainer/
COPY pipelines/ pipelines/
COPY ui/ ui/
RUN pip install -c constraints.txt ".[${EXTRAS}]"
RUN useradd --create-home vidsearch

FROM base AS gpu
# The CPU builds go first: see docs/how-to/gpu.md.
RUN pip uninstall --yes onnxruntime faiss-cpu \
    && pip install 'onnxruntime-gpu[cuda,cudnn]' faiss-gpu-cu12
USER vidsearch
RUN vidsearch doctor
WORKDIR /archive
ENTRYPOINT ["vidsearch"]
CMD ["--help"]

FROM base AS cpu
USER vidsearch
RUN vidsearch doctor
WORKDIR /archive
ENTRYPOINT ["vidsearch"]
CMD ["--help"]
