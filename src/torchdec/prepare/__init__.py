"""How rows are made of texts, images and cells: learnt in the fit, kept in the model, used again for new rows.

What is here knows no files (`torchdec.rows` reads them) and no torch.
"""
