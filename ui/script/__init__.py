"""Folder of the start script; beside ``ui/pages``, Streamlit would list that folder as pages."""
