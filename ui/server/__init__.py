"""The web server of the app: authentication, media files, loading page."""
