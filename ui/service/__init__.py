"""What the screens call: plain functions, no Streamlit."""
