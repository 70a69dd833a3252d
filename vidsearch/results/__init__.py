"""Search results: data, sentences, and output as text, JSON, CSV, HTML, WebVTT and EDL."""
