"""Settings: command line > environment > your file > profile > default. Wrong keys are errors.

Environment variables start with ``MOMENTSEEK_`` and use two underscores between levels:
``MOMENTSEEK_INGEST__SAMPLES_PER_SECOND=1``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from core.errors import SettingsError

ENV_PREFIX = "MOMENTSEEK_"
ENV_NOT_SETTINGS = {"MOMENTSEEK_CONFIG"}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class IngestSettings(_Section):
    samples_per_second: float = Field(2.0, gt=0, le=60, description="sampled frames per second of video")
    max_side_px: int = Field(960, ge=64, le=4096, description="longer side of the frame that models see")
    shots: bool = Field(True, description=(
        "find shot cuts and sample the first frame of every shot; without, what lies between samples is "
        "not even decoded where the file allows that"
    ))
    run_likeness: float = Field(
        0.95, gt=0, le=1, description="cosine from which samples share one point; 1: a point for every one")
    files_at_once: int = Field(
        0, ge=0, le=64, description="files that a process indexes side by side; 0: as many as pay here")
    stretch_seconds: float = Field(
        1800.0, ge=0, description="longer videos are shared by workers, in stretches of so much; 0: never")
    storyboard: bool = Field(True, description="write sprite sheets and a WebVTT track per video")
    min_free_disk_mb: int = Field(500, ge=0, description="ingest stops below this much free disk")


class DecodeSettings(_Section):
    """Limits of the child process that opens media files."""

    max_pixels: int = Field(50_000_000, ge=1, description="larger pictures and frames are refused")
    max_duration_hours: float = Field(24.0, gt=0, description="longer videos are refused")
    memory_mb: int = Field(4096, ge=256, description="address space of the child beyond its start")
    stall_seconds: float = Field(60.0, gt=0, description="no frame for this long: the file is given up")
    cpu_seconds_per_file: int = Field(6 * 3600, gt=0, description="processor time for one file")
    threads: int = Field(0, ge=0, description="decoder threads, 0 for as many as there are cores")


class ModelsSettings(_Section):
    """Where weights come from when they are not in ``model_dir`` yet."""

    mirror: Path | None = Field(None, description="a folder laid out like model_dir, looked at first")
    offline: bool | None = Field(None, description="never use the network; unset: what HF_HUB_OFFLINE says")


class EmbedderSettings(_Section):
    model: str = Field("mobilenetv2", description="name from the model table, or a path to local weights")
    architecture: str | None = Field(None, description="open_clip's name, where model is a weights file")
    templates: tuple[str, ...] = Field((), description="sentences with {} for words; none: the model's own")
    engine: Literal["auto", "openvino", "torch"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    device: str = Field("auto", description="for torch: auto, cpu, cuda, cuda:1 ...")
    batch: int = Field(0, ge=0, le=1024, description="pictures at a time; 0: from what memory is free")

    @field_validator("templates")
    @classmethod
    def _has_a_place(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        for template in templates:
            if template.count("{}") != 1:
                raise ValueError(f"{template!r} needs {{}} once, where the words go")
        return templates


class DetectorSettings(_Section):
    model: str = Field("salient", description="name from the model table, or a path to local weights")
    max_regions: int = Field(12, ge=0, le=300, description="regions kept per frame")
    tiles: bool = Field(True, description="also describe a fixed grid of tiles at several resolutions")
    engine: Literal["auto", "openvino", "torch"] = Field("auto", description="torch where there is a GPU")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    input_px: int = Field(640, ge=64, le=2048, description="longer side that YOLO sees, if not fixed")
    proposal_score: float = Field(0.10, gt=0, lt=1, description="regions above this get a vector")
    label_score: float = Field(0.35, gt=0, lt=1, description="below this a region's label is not shown")
    classes: tuple[str, ...] = Field((), description="only things of these classes; empty for all")
    class_agnostic: bool = Field(True, description="one region where boxes of different classes overlap")
    overlap: float = Field(0.6, gt=0, lt=1, description="IoU above which the weaker of two boxes goes")
    trust_local_pickle: bool = Field(
        False, description="load local .pt files, which can run any code that their author put in")


class FaceSettings(_Section):
    model: str = Field("dlib", description="name of the detector and descriptor pair, or 'none'")
    detect_side_px: int = Field(640, ge=128, le=4096, description="longer side of the frame YuNet looks at")
    # The gate: a descriptor of a hopeless face resembles everybody's. Reasons in detect/face_quality.py.
    min_side_px: int = Field(32, ge=8, description="smaller faces are not indexed")
    min_score: float = Field(0.6, ge=0, le=1, description="less certain faces are not indexed")
    min_sharpness: float = Field(0.03, ge=0, description="more blurred faces are not indexed; 0 for all")
    max_turn: float = Field(1.0, gt=0, description="faces turned further are not indexed; 1 is a profile")


class IndexSettings(_Section):
    null_sample: int = Field(2000, ge=50, le=50_000, description="points sampled to learn what chance is")


class CatalogueSettings(_Section):
    """A PostgreSQL database in place of the SQLite file: for several servers, and workers everywhere."""

    url: SecretStr | None = Field(
        None, description="postgresql://USER@HOST/NAME; unset: catalogue.sqlite in data_dir")
    password_file: Path | None = Field(None, description="file with its password, as secrets are mounted")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and url.get_secret_value().partition("://")[0].partition("+")[0] != "postgresql":
            raise ValueError("write it like postgresql://momentseek@db.example/momentseek")
        return url


class StoreSettings(_Section):
    """A Qdrant server in place of the embedded store. What is marked with * counts when a collection is made
    and cannot be changed afterwards, or only by indexing anew."""

    url: str | None = Field(
        None, description="http(s)://HOST:6333 of a Qdrant server; unset: the embedded store in data_dir")
    api_key: SecretStr | None = Field(None, description="better in MOMENTSEEK_STORE__API_KEY, or in a file")
    api_key_file: Path | None = Field(None, description="file with the key, as secrets are mounted")
    prefer_grpc: bool = Field(False, description="gRPC for what it can do: large answers take less time")
    grpc_port: int = Field(6334, ge=1, le=65535)
    timeout_seconds: int = Field(30, ge=1, le=3600, description="for one request")
    attempts: int = Field(5, ge=1, le=20, description="times a request is tried that may be repeated")
    batch_points: int = Field(500, ge=1, le=10_000, description="points of one write; 32 MB at most")
    collection_prefix: str = Field(
        "momentseek", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$",
        description="collections are called this and the generation; one for every library on a server")
    shard_number: int | None = Field(None, ge=1, le=1000, description="*; unset: one for every node")
    replication_factor: int = Field(1, ge=1, le=20, description="copies of every shard")
    write_consistency_factor: int = Field(1, ge=1, le=20, description="copies that must confirm a write")
    quantization: Literal["none", "scalar", "turbo"] = Field(
        "scalar", description="the copy in memory: scalar is one byte a number, turbo as turbo_bits says")
    turbo_bits: Literal["1", "1.5", "2", "4", "8"] = Field("4", description="for quantization: turbo")
    oversampling: float = Field(
        2.0, ge=1, le=20, description="so many times the hits are found in the copy, then scored exactly")
    on_disk: bool = Field(True, description="float16 vectors on disk; off: in memory, too")
    payload_on_disk: bool = Field(True, description="off: in memory, too")
    hnsw_on_disk: bool = Field(False, description="for libraries that outgrow the memory; slower")
    hnsw_m: int = Field(16, ge=4, le=128, description="* links of a point: more find more, take more memory")
    hnsw_ef_construct: int = Field(128, ge=16, le=2048, description="* care when the graph is made")
    hnsw_ef: int = Field(256, ge=16, le=10_000, description="care when it is searched")
    media_is_tenant: bool = Field(
        True, description="* what belongs to one media file lies together: searches within one are quicker")
    indexing_threshold_kb: int = Field(
        10_000, ge=1, description="from so many kB of vectors on a segment gets a graph")
    exact: bool = Field(False, description="compare with every vector, no graph: for measuring recall")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if url is not None and url.partition("://")[0] not in ("http", "https", "file"):
            raise ValueError("write it like http://qdrant.example:6333")
        return url


Thresholds = tuple[float, float, float]
"""Where low, medium and high confidence begin, in robust deviations above chance."""


class SearchSettings(_Section):
    thresholds: Thresholds | None = Field(None, description="for pictures; unset: the model's own")
    words_thresholds: Thresholds | None = Field(None, description="for words; unset: the model's own")

    @field_validator("thresholds", "words_thresholds")
    @classmethod
    def _rise(cls, thresholds: Thresholds | None) -> Thresholds | None:
        if thresholds is not None and not 0 < thresholds[0] < thresholds[1] < thresholds[2]:
            raise ValueError("low, medium and high must rise, and be above 0")
        return thresholds


class ServerSettings(_Section):
    host: str = "127.0.0.1"
    port: int = Field(8765, ge=0, le=65535)
    works: bool = Field(True, description="index what waits; off: leave that to `momentseek worker`")
    allowed_hosts: tuple[str, ...] = Field((), description="more names it is reached by; * for any name")
    max_upload_mb: int = Field(25, ge=1, description="largest query picture")
    max_media_mb: int = Field(20_480, ge=1, description="largest media file that may be uploaded")
    media_roots: tuple[Path, ...] = Field(
        (), description="folders whose files clients may name to have them indexed; none: nobody may")
    # Reasons for both in api/floods.py.
    concurrency: int = Field(4, ge=1, le=256, description="searches at a time")
    queue: int = Field(64, ge=0, le=10_000, description="searches that wait; more are told to come later")
    fetch_pictures: bool = Field(False, description="fetch query pictures from addresses that clients give")
    fetch_ports: tuple[int, ...] = Field((80, 443), description="ports that pictures are fetched from")
    fetch_seconds: float = Field(10.0, gt=0, le=300, description="for fetching one picture")
    fetch_media: bool = Field(False, description="fetch media from addresses that clients give (/v1.3 alone)")
    fetch_media_seconds: float = Field(600.0, gt=0, le=86_400, description="for fetching one media file")
    webhook_private_addresses: bool = Field(
        False, description="webhooks may lead to this machine and into the own network")
    webhook_seconds: float = Field(10.0, gt=0, le=60, description="for one attempt at a webhook")

    @field_validator("media_roots")
    @classmethod
    def _are_absolute(cls, roots: tuple[Path, ...]) -> tuple[Path, ...]:
        for root in roots:
            if not root.is_absolute():
                raise ValueError(f"{str(root)!r} is not absolute; write it from / on")
        return roots

    @field_validator("allowed_hosts")
    @classmethod
    def _are_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not host or not host.isascii() or any(letter in host for letter in "/@ ,") or "://" in host:
                raise ValueError(f"{host!r} is not a host name; write it like nas.example, or * for any")
        return tuple(host.lower() for host in hosts)


def _default_data_dir() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "momentseek"


def _default_model_dir() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "momentseek/models"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=True
    )

    profile: str = "offline"
    data_dir: Path = Field(default_factory=_default_data_dir, description="catalogue, index, storyboards")
    model_dir: Path = Field(default_factory=_default_model_dir, description="fetched and converted models")
    ingest: IngestSettings = IngestSettings()
    decode: DecodeSettings = DecodeSettings()
    models: ModelsSettings = ModelsSettings()
    embedder: EmbedderSettings = EmbedderSettings()
    detector: DetectorSettings = DetectorSettings()
    faces: FaceSettings = FaceSettings()
    index: IndexSettings = IndexSettings()
    catalogue: CatalogueSettings = CatalogueSettings()
    store: StoreSettings = StoreSettings()
    search: SearchSettings = SearchSettings()
    server: ServerSettings = ServerSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # load() reads the environment itself, because the command line stands above it.
        return (init_settings,)


def profile_names() -> list[str]:
    return sorted(entry.name.removesuffix(".yaml") for entry in resources.files("configs").iterdir()
                  if entry.name.endswith(".yaml"))


def load(config: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this run.

    ``config`` is a YAML file (default: the file that MOMENTSEEK_CONFIG names, if any); ``overrides`` are
    the command line's, keys as in the file. Raises SettingsError naming the key and the value.
    """
    if config is None and os.environ.get("MOMENTSEEK_CONFIG"):
        config = Path(os.environ["MOMENTSEEK_CONFIG"])
    chosen = _read_yaml(config) if config else {}
    overrides = dict(overrides or {})
    asked = overrides.get("profile") or os.environ.get(ENV_PREFIX + "PROFILE") or chosen.get("profile")
    profile, profiles = asked or "offline", profile_names()
    if profile not in profiles:
        raise SettingsError(f"There is no profile {profile!r}; the profiles are {', '.join(profiles)}.")
    text = (resources.files("configs") / f"{profile}.yaml").read_text("utf-8")
    _refuse_unknown_environment()
    layered: dict[str, Any] = {}
    for layer in (yaml.safe_load(text) or {}, chosen, EnvSettingsSource(Settings)(), overrides):
        layered = _merge(layered, layer)
    try:
        return Settings(**{**layered, "profile": profile})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"Setting {key} = {first.get('input')!r}: {first['msg']}.") from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"Cannot read the configuration {path}: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{path} must hold keys and values, not {type(content).__name__}.")
    return content


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        mine = merged.get(key)
        if isinstance(mine, Mapping) and isinstance(value, Mapping):
            value = _merge(mine, value)
        merged[key] = value
    return merged


def _refuse_unknown_environment() -> None:
    for name in os.environ:
        if not name.startswith(ENV_PREFIX) or name in ENV_NOT_SETTINGS:
            continue
        section, _, key = name.removeprefix(ENV_PREFIX).lower().partition("__")
        known = Settings.model_fields.get(section)
        inner = getattr(known.annotation, "model_fields", None) if known else None
        if known is None or (key and (inner is None or key not in inner)):
            raise SettingsError(
                f"Environment variable {name} is not a setting; the sections are "
                f"{', '.join(sorted(Settings.model_fields))}."
            )
