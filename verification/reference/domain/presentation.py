"""Entities and results of the services as the JSON objects that the interface promises."""

from __future__ import annotations

from typing import Any

from verification.reference.domain.entities import AlertRule
from verification.reference.domain.services import LogExcerpt, Started, Statistics, Status

Members = dict[str, Any]


def present_rule(rule: AlertRule) -> Members:
    """One rule of the list; who created it is not shown."""
    return {
        "id": rule.id,
        "name": rule.name,
        "camera_id": rule.camera_id,
        "rule_type": rule.rule_type,
        "conditions": rule.conditions,
        "notification_channels": rule.notification_channels,
        "recipients": rule.recipients,
        "enabled": rule.enabled,
        "priority": rule.priority,
        "created_at": rule.created_at,
        "updated_at": rule.updated_at,
    }


def present_started(started: Started) -> Members:
    """A started camera; the command only where it was started just now."""
    members = {"ok": True, "running": True, "pid": started.pid, "log": started.log}
    return members if started.command is None else {**members, "cmd": list(started.command)}


def present_status(status: Status) -> Members:
    """Whether a camera runs."""
    return {"ok": True, "running": status.running, "pid": status.pid, "log": status.log}


def present_statistics(camera_id: str, status: Status, statistics: Statistics) -> Members:
    """A camera's statistics beside its status."""
    return {
        "camera_id": camera_id,
        "running": status.running,
        "pid": status.pid,
        "log_file": status.log,
        "stats": {
            "total_frames": statistics.total_frames,
            "processed_frames": statistics.processed_frames,
            "detected_persons": statistics.detected_persons,
            "detected_hairnets": statistics.detected_hairnets,
            "detected_handwash": statistics.detected_handwash,
            "avg_fps": statistics.avg_fps,
            "avg_detection_time": statistics.avg_detection_time,
            "last_detection_time": statistics.last_detection_time,
        },
    }


def present_log(camera_id: str, excerpt: LogExcerpt) -> Members:
    """The end of a log; a message where there is none."""
    members = {
        "camera_id": camera_id,
        "log_file": excerpt.path,
        "total_lines": excerpt.total or 0,
        "lines": excerpt.lines,
    }
    return {**members, "message": "Nothing has been logged so far"} if excerpt.total is None else members
