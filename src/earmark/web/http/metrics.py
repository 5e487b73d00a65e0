"""What a monitoring system may ask."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The counters of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "earmark_http_requests",
            "Requests by endpoint, method and status.",
            ["endpoint", "method", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "earmark_http_request_seconds",
            "Time to answer a request.",
            ["endpoint"],
            registry=self.registry,
        )
        self.songs = Counter(
            "earmark_songs",
            "Songs by how they ended: answered, unsure, failed, canceled, refused.",
            ["outcome"],
            registry=self.registry,
        )
        self.song_seconds = Histogram(
            "earmark_song_seconds",
            "Time from the end of an upload to the answer.",
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
            registry=self.registry,
        )
        self.corrections = Counter(
            "earmark_corrections", "Changes of the library by hand.", registry=self.registry
        )
        self.waiting = Gauge("earmark_queue_length", "Songs that wait.", registry=self.registry)
        self.working = Gauge(
            "earmark_workers_busy", "Worker processes at work.", registry=self.registry
        )
        self.restarts = Gauge(
            "earmark_worker_restarts", "Worker processes ended so far.", registry=self.registry
        )
        self.tracks = Gauge(
            "earmark_library_tracks", "Labelled tracks of the library.", registry=self.registry
        )
