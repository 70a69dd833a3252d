"""What Streamlit runs, away from ``ui/pages``, which it would offer as pages of its own."""
