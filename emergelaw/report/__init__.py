"""One self-contained HTML page per fit, and its figures as files."""

from emergelaw.report.build import build as build
