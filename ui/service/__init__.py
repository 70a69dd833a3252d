"""Functions behind the pages, without Streamlit."""
