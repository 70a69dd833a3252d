"""The script that Streamlit runs. Beside ``ui/pages`` Streamlit would list those as pages."""
