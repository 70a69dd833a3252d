# docker build --target cpu -t vidsearch .         docker build --target gpu -t vidsearch:gpu .
# docker run --rm -v /videos:/videos:ro -v /archive:/archive vidsearch index /archive/catalog /videos

FROM python:3.11-slim-bookworm AS base
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1
WORKDIR /opt/vidsearch
# The alias goes first: it satisfies opencv-python with the headless build, which needs no libGL.
COPY constraints.txt ./
COPY third_party/ third_party/
RUN pip install -c constraints.txt ./third_party/opencv-python
COPY pyproject.toml README.md LICENSE ./
COPY vidsearch/ vidsearch/
COPY trainer/ trainer/
COPY pipelines/ pipelines/
COPY ui/ ui/

FROM base AS gpu
RUN pip install -c constraints.txt . \
    && pip uninstall --yes onnxruntime faiss-cpu \
    && pip install '.[gpu]'
RUN useradd --create-home vidsearch
USER vidsearch
WORKDIR /archive
ENTRYPOINT ["vidsearch"]
CMD ["--help"]

FROM base AS cpu
# --build-arg PIP_EXTRA_INDEX_URL=...: an index with PyTorch's CPU build makes the image much smaller.
ARG PIP_EXTRA_INDEX_URL
RUN pip install -c constraints.txt .
RUN useradd --create-home vidsearch
USER vidsearch
WORKDIR /archive
ENTRYPOINT ["vidsearch"]
CMD ["--help"]
